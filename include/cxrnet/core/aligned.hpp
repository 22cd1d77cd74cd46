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

/// Bytes aligned for vector instructions; `Fill::none` is for what is written as a whole before it is read. Large ones, a
/// network's weights and maps, come from the system as they are touched first, zeros, in huge pages where it has such: to be
/// given hundreds of megabytes in pages of 4 KiB takes as long as to compute with them once.
class AlignedBytes {
 public:
  AlignedBytes() = default;
  /// std::bad_alloc where there is no room.
  explicit AlignedBytes(std::size_t bytes, Fill fill = Fill::zero) : bytes_(bytes) {
    if (bytes == 0) return;
#if defined(__linux__)
    if (bytes >= 4 * huge_page) {
      const std::size_t mapped = bytes + huge_page;
      void* const whole = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (whole == MAP_FAILED) throw std::bad_alloc();
      void* aligned = whole;
      std::size_t room = mapped;
      std::align(huge_page, bytes, aligned, room);
      data_ = std::unique_ptr<std::byte, Free>(static_cast<std::byte*>(aligned), Free{whole, mapped});
      ::madvise(aligned, bytes, MADV_HUGEPAGE);  // a wish: what comes of it does not matter
      return;
    }
#endif
    data_ = std::unique_ptr<std::byte, Free>(static_cast<std::byte*>(::operator new(bytes, std::align_val_t{arena_alignment})),
                                             Free{nullptr, 0});
    if (fill == Fill::zero) std::uninitialized_fill_n(data_.get(), bytes, std::byte{0});
  }

  [[nodiscard]] std::byte* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return data_ == nullptr ? 0 : bytes_; }

 private:
  static constexpr std::size_t huge_page = std::size_t{2} << 20U;
  struct Free {
    void* whole;  ///< of the system; null: of operator new
    std::size_t mapped;
    void operator()(std::byte* bytes) const {
#if defined(__linux__)
      if (whole != nullptr) {
        ::munmap(whole, mapped);
        return;
      }
#endif
      ::operator delete(bytes, std::align_val_t{arena_alignment});
    }
  };
  std::unique_ptr<std::byte, Free> data_{nullptr, Free{nullptr, 0}};
  std::size_t bytes_ = 0;
};

}  // namespace cxrnet
