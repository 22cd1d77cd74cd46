#pragma once
#include <cxrnet/backend/cuda/number.hpp>

#include <cstddef>
#include <cstdint>

// A kernel is a functor over an index space, compiled for both sides:
//
//   std::int64_t count() const;                     how many indices it has; 0: nothing to do
//   CXRNET_BOTH void operator()(std::int64_t i);    one index's work; no two write the same number
//   template <class Visit> void operands(Visit);    visit(Access, pointer, bytes) for all that it reads and writes
//
// or one over blocks of block_lanes lanes that go through phases, each lane's work of a phase beside the others' and behind all
// of its block's phase before:
//
//   std::int64_t blocks() const;
//   int phases() const;
//   CXRNET_BOTH void operator()(std::int64_t block, int phase, int lane) const;
//
// A device runs its indices or blocks in any order, all at once or one by one; a simulated one checks what it says it touches.
namespace cxrnet::cuda {

enum class Access { read, write };

inline constexpr int block_lanes = 256;

template <class Visit, class T>
void reads(Visit& visit, const T* data, std::int64_t count) {
  visit(Access::read, static_cast<const void*>(data), static_cast<std::size_t>(count) * sizeof(T));
}
template <class Visit, class T>
void writes(Visit& visit, T* data, std::int64_t count) {
  visit(Access::write, static_cast<const void*>(data), static_cast<std::size_t>(count) * sizeof(T));
}

/// A batch of maps on the device: NHWC, `stride` channels for each pixel, of which `channels` are the network's and the
/// others zero.
struct Maps {
  int batch = 0, height = 1, width = 1, channels = 0, stride = 0;

  [[nodiscard]] CXRNET_BOTH std::int64_t pixels() const { return static_cast<std::int64_t>(batch) * height * width; }
  [[nodiscard]] CXRNET_BOTH std::int64_t numbers() const { return pixels() * stride; }
};

/// A network's dims of a batch of images, as the device has them in these numbers.
constexpr Maps maps_of(const Dims& dims, Number number, int batch) {
  return {batch, dims.height, dims.width, dims.channels, padded_channels(dims.channels, number)};
}

/// How many neighbouring channels a kernel's index has: as many as 16 bytes hold, or one where maps of floats have others.
template <class T>
int lanes_of(const Maps& m) {
  constexpr int wide = 16 / static_cast<int>(sizeof(T));
  return m.stride % wide == 0 ? wide : 1;
}
/// Calls with<lanes_of>().
template <class T, class With>
void with_lanes(const Maps& m, With with) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (lanes_of<T>(m) == 1) return with.template operator()<1>();
  }
  with.template operator()<16 / static_cast<int>(sizeof(T))>();
}

}  // namespace cxrnet::cuda
