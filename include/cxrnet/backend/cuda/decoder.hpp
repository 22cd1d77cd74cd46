#pragma once
#include <cxrnet/backend/cuda/device.hpp>
#include <cxrnet/backend/cuda/sample_kernel.hpp>
#include <cxrnet/core/error.hpp>
#include <cxrnet/core/preprocess.hpp>
#include <cxrnet/data/image_decoder.hpp>
#include <cxrnet/data/plain_jpeg.hpp>
#include <cxrnet/data/resize.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

// A data set's files, decoded on a device by a codec. A codec is a class:
//
//   explicit Codec(Device&);          safe to use from several threads
//   const std::string& name() const;  with its version
//   class State;                      State(const Codec&): what one thread at a time decodes with
//   bool decode(State&, Device::Queue&, const PlainJpeg&, std::uint8_t* rgb) const;
//                                     gives the queue what writes all pixels, RGB, into the device's memory; false where it
//                                     does not understand the file; BackendError
namespace cxrnet::cuda {

/// Plain JPEG files go to the codec, and what it gives is resized where it lies: an image comes back in the data set's size.
/// Other files, larger ones and those that the codec refuses are decoded on the CPU, which says what is wrong with them.
template <class Device, class Codec>
class DecoderOn final : public ImageDecoder {
 public:
  /// On the current device. BackendError where there is none.
  DecoderOn() : device_(Device::current()), codec_(device_) {}

  void decode(std::span<const std::byte> bytes, const std::filesystem::path& name, ImageSize size,
              std::uint8_t* rgb) const override {
    const auto jpeg = plain_jpeg(bytes, name);
    try {
      if (jpeg && std::int64_t{jpeg->height} * jpeg->width <= most_pixels && decoded_there(*jpeg, size, rgb)) return;
    } catch (const BackendError& error) {
      throw BackendError(name.string() + " was not decoded on the GPU: " + error.what());
    }
    decode_resized(bytes, name, size.height, size.width, rgb);
  }
  [[nodiscard]] const std::string& name() const override { return codec_.name(); }
  [[nodiscard]] int refused() const override { return refused_; }

 private:
  static constexpr std::int64_t most_pixels = std::int64_t{1} << 24;  // every thread keeps room for the largest it had

  /// What one thread at a time decodes with.
  struct Lane {
    Lane(Device& device, const Codec& codec) : queue(device), state(codec) {}
    typename Device::Queue queue;
    typename Codec::State state;
    std::vector<std::int64_t> picks;
    Buffer<Device> decoded, picks_there, resized;
  };

  bool decoded_there(const PlainJpeg& jpeg, ImageSize size, std::uint8_t* rgb) const {
    std::unique_ptr<Lane> lane = take();
    const std::int64_t row = std::int64_t{jpeg.width} * 3, bytes = row * jpeg.height;
    const Maps grid{1, size.height, size.width, 3, 3};
    const auto resized_bytes = static_cast<std::size_t>(grid.numbers());
    lane->picks.clear();
    add_picks(lane->picks, {jpeg.height, jpeg.width}, 0, row, size);
    const std::size_t picks_bytes = lane->picks.size() * sizeof(std::int64_t);
    make_room(lane->decoded, static_cast<std::size_t>(bytes));
    make_room(lane->picks_there, picks_bytes);
    make_room(lane->resized, resized_bytes);
    auto* const decoded = lane->decoded.template as<std::uint8_t>();
    auto* const picks = lane->picks_there.template as<std::int64_t>();
    auto* const resized = lane->resized.template as<std::uint8_t>();

    device_.upload(lane->queue, picks, lane->picks.data(), picks_bytes);
    const bool understood = codec_.decode(lane->state, lane->queue, jpeg, decoded);
    if (understood) {
      constexpr auto channels = channel_maps_of<AsGiven, 3>;
      device_.launch(lane->queue, SampleImages<std::uint8_t>{grid, 1, {channels[0], channels[1], channels[2]}, nullptr, decoded,
                                                             resized, picks, bytes});
      device_.download(lane->queue, rgb, resized, resized_bytes);
    } else {
      device_.wait(lane->queue);
      ++refused_;
      return false;  // nor is what may be left in the codec's state used again
    }
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(lane));
    return true;
  }

  std::unique_ptr<Lane> take() const {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Lane> lane = std::move(idle_.back());
        idle_.pop_back();
        return lane;
      }
    }
    return std::make_unique<Lane>(device_, codec_);
  }

  void make_room(Buffer<Device>& buffer, std::size_t bytes) const {
    if (buffer.bytes() >= bytes) return;
    buffer = Buffer<Device>();  // the old one goes first
    buffer = Buffer<Device>(device_, bytes);
  }

  Device& device_;
  Codec codec_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Lane>> idle_;
  mutable std::atomic<int> refused_ = 0;
};

}  // namespace cxrnet::cuda
