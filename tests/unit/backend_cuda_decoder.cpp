#include <cxrnet/backend/cuda/decoder.hpp>
#include <cxrnet/data/dataset.hpp>

#include "catch.hpp"
#include "data_fixtures.hpp"
#include "simulated_device.hpp"

#include <string>
#include <vector>

using namespace cxrnet;
using namespace cxrnet::test;

namespace {

/// Pixels of its own, so that it shows who decoded: what libjpeg gives, one level darker where it can be.
class SimulatedCodec {
 public:
  explicit SimulatedCodec(SimulatedDevice& device) : device_(device) {}
  [[nodiscard]] const std::string& name() const { return name_; }
  struct State {
    explicit State(const SimulatedCodec& codec) { ++codec.states; }
  };
  bool decode(State&, SimulatedDevice::Queue& queue, const PlainJpeg& jpeg, std::uint8_t* rgb) const {
    if (refuses) return false;
    const Image image = darker(decode_image(jpeg.bytes, "a"));
    device_.upload(queue, rgb, image.rgb.data(), image.rgb.size());
    return true;
  }
  static Image darker(Image image) {
    for (std::uint8_t& byte : image.rgb) byte = static_cast<std::uint8_t>(byte > 0 ? byte - 1 : 0);
    return image;
  }
  static inline bool refuses = false;
  static inline int states = 0;

 private:
  SimulatedDevice& device_;
  std::string name_ = "simulated 1.0";
};

std::vector<std::uint8_t> decoded(const ImageDecoder& decoder, const std::vector<std::byte>& file, ImageSize size) {
  std::vector<std::uint8_t> rgb(static_cast<std::size_t>(size.height * size.width * 3));
  decoder.decode(file, "a.jpg", size, rgb.data());
  return rgb;
}

/// A colour JPEG of 12 x 16 whose header says more rows of blocks: its pixels end too early.
std::vector<std::byte> ends_early() {
  auto file = bytes_of(colour_jpeg);
  for (std::size_t i = 0; i + 6 < file.size(); ++i) {
    if (file[i] == std::byte{0xFF} && file[i + 1] == std::byte{0xC0}) file[i + 6] = std::byte{100};
  }
  return file;
}

}  // namespace

TEST_CASE("plain JPEG files are decoded and resized on the device, others on the CPU", "[cuda]") {
  SimulatedDevice device;
  SimulatedCodec::refuses = false;
  SimulatedCodec::states = 0;
  {
    const cuda::DecoderOn<SimulatedDevice, SimulatedCodec> decoder;
    const Image there = SimulatedCodec::darker(decode_image(bytes_of(colour_jpeg), "a"));
    for (const auto& size : {ImageSize{5, 7}, {30, 40}, {12, 16}, {1, 1}}) {
      INFO(size.height << " x " << size.width);
      CHECK(decoded(decoder, bytes_of(colour_jpeg), size) == resize_nearest(there, size.height, size.width).rgb);
      for (const auto& other : {bytes_of(grey_jpeg), grey_png(20, 9, 4)}) {
        CHECK(decoded(decoder, other, size) == resize_nearest(decode_image(other, "a"), size.height, size.width).rgb);
      }
    }
    CHECK(SimulatedCodec::states == 1);  // one thread: made once
    CHECK(decoder.refused() == 0);
    const std::size_t before = device.live();
    device.may_allocate = false;
    CHECK_NOTHROW(decoded(decoder, bytes_of(colour_jpeg), {12, 16}));
    CHECK(device.live() == before);
  }
  CHECK(device.hazards == std::vector<std::string>{});
  CHECK(device.live() == 0);
}

TEST_CASE("what a codec refuses is the CPU's, which says what is wrong", "[cuda]") {
  const SimulatedDevice device;
  const cuda::DecoderOn<SimulatedDevice, SimulatedCodec> decoder;
  SimulatedCodec::refuses = true;
  const auto file = bytes_of(colour_jpeg);
  CHECK(decoded(decoder, file, {5, 7}) == resize_nearest(decode_image(file, "a"), 5, 7).rgb);
  CHECK(decoder.refused() == 1);
  const auto complaint = [&](const std::vector<std::byte>& bytes) {
    return message_of<ImageError>([&] { decoded(decoder, bytes, {5, 7}); });
  };
  const auto bad = ends_early();
  REQUIRE(plain_jpeg(bad, "a.jpg"));
  CHECK(complaint(bad) == message_of<ImageError>([&] { static_cast<void>(decode_image(bad, "a.jpg")); }));
  CHECK(has(complaint(bad), "a.jpg cannot be decoded"));
  CHECK(has(complaint(bytes_of("GIF89a.......")), "a.jpg is a GIF image"));
  SimulatedCodec::refuses = false;
}

TEST_CASE("a device that fails is an error that names the file, and leaves nothing behind", "[cuda]") {
  for (std::size_t call = 1; call < 100; ++call) {
    SimulatedDevice device;
    std::string what;
    {
      const cuda::DecoderOn<SimulatedDevice, SimulatedCodec> decoder;
      device.fail_at = call;
      what = message_of<BackendError>([&] { decoded(decoder, bytes_of(colour_jpeg), {5, 7}); });
      device.fail_at = 0;
      CHECK_NOTHROW(decoded(decoder, bytes_of(colour_jpeg), {5, 7}));
    }
    CHECK(device.hazards == std::vector<std::string>{});
    CHECK(device.live() == 0);
    if (what == nothing_thrown) {
      CHECK(call > 5);
      return;
    }
    CHECK(has(what, "a.jpg was not decoded on the GPU: The simulated device failed "));
  }
}

TEST_CASE("a data set has its decoder's pixels and says whose they are", "[cuda][dataset]") {
  const TemporaryFolder folder;
  folder.write("a/1.jpg", bytes_of(colour_jpeg));
  folder.write("b/2.png", grey_png(9, 7, 1));
  folder.write("b/3.jpg", bytes_of("text"));
  const SimulatedDevice device;
  const cuda::DecoderOn<SimulatedDevice, SimulatedCodec> decoder;
  const auto listed = list_image_folder(folder.path());
  const ImageDataset set(listed, {.size = {6, 4}, .decoder = &decoder});
  std::vector<std::uint8_t> scratch;
  const auto pixels = [&](std::size_t i) {
    const std::uint8_t* const at = set.pixels(i, scratch);
    return std::vector<std::uint8_t>(at, at + set.image_bytes());
  };
  CHECK(pixels(0) == decoded(decoder, bytes_of(colour_jpeg), {6, 4}));
  CHECK(pixels(0) != resize_nearest(read_image(listed.items[0].file), 6, 4).rgb);
  CHECK(pixels(1) == resize_nearest(read_image(listed.items[1].file), 6, 4).rgb);
  CHECK(has(message_of<ImageError>([&] { pixels(2); }), "3.jpg is text"));
  CHECK(set.decoded_by() == "simulated 1.0");
  CHECK(ImageDataset(listed, {.size = {6, 4}}).decoded_by() == "cpu");
}
