#pragma once
#include <cxrnet/core/memory_plan.hpp>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <cstddef>
#include <memory>
#include <new>

namespace cxrnet {

enum class Fill { zero, none };

/// Bytes aligned for vector instructions; `Fill::none` is for what is written as a whole before it is read. Large ones ask
/// the system for huge pages: a network's weights and maps are hundreds of megabytes, and to be given them in pages of 4 KiB
/// takes as long as to compute with them once.
class AlignedBytes {
 public:
  AlignedBytes() = default;
  explicit AlignedBytes(std::size_t bytes, Fill fill = Fill::zero) : bytes_(bytes) {
    if (bytes == 0) return;
    const std::size_t alignment = bytes < 4 * huge_page ? arena_alignment : huge_page;
    data_ = std::unique_ptr<std::byte, Free>(
        static_cast<std::byte*>(::operator new(bytes, std::align_val_t{alignment})), Free{alignment});
#if defined(__linux__)
    if (alignment == huge_page) ::madvise(data_.get(), bytes, MADV_HUGEPAGE);  // a wish: what comes of it does not matter
#endif
    if (fill == Fill::zero) std::uninitialized_fill_n(data_.get(), bytes, std::byte{0});
  }

  [[nodiscard]] std::byte* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return data_ == nullptr ? 0 : bytes_; }

 private:
  static constexpr std::size_t huge_page = std::size_t{2} << 20U;
  struct Free {
    std::size_t alignment;
    void operator()(std::byte* bytes) const { ::operator delete(bytes, std::align_val_t{alignment}); }
  };
  std::unique_ptr<std::byte, Free> data_{nullptr, Free{arena_alignment}};
  std::size_t bytes_ = 0;
};

}  // namespace cxrnet
