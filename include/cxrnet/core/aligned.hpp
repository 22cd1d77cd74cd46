#pragma once
#include <cxrnet/core/memory_plan.hpp>

#include <cstddef>
#include <memory>
#include <new>

namespace cxrnet {

enum class Fill { zero, none };

/// Bytes aligned for vector instructions; `Fill::none` is for what is written as a whole before it is read.
class AlignedBytes {
 public:
  AlignedBytes() = default;
  explicit AlignedBytes(std::size_t bytes, Fill fill = Fill::zero) : bytes_(bytes) {
    if (bytes == 0) return;
    data_.reset(static_cast<std::byte*>(::operator new(bytes, std::align_val_t{arena_alignment})));
    if (fill == Fill::zero) std::uninitialized_fill_n(data_.get(), bytes, std::byte{0});
  }

  [[nodiscard]] std::byte* data() const { return data_.get(); }
  [[nodiscard]] std::size_t size() const { return data_ == nullptr ? 0 : bytes_; }

 private:
  struct Free {
    void operator()(std::byte* bytes) const { ::operator delete(bytes, std::align_val_t{arena_alignment}); }
  };
  std::unique_ptr<std::byte, Free> data_;
  std::size_t bytes_ = 0;
};

}  // namespace cxrnet
