#pragma once
#include <cxrnet/backend/cuda/cuda_device.hpp>
#include <cxrnet/backend/cuda/decoder.hpp>

#include <nvjpeg.h>

#include <cstddef>
#include <cstdint>
#include <string>

// nvJPEG, a library of the CUDA Toolkit: the target cxrnet::nvjpeg, where it is installed.
namespace cxrnet::cuda {

/// A codec for DecoderOn. nvJPEG's Huffman decoding runs on the calling thread, all after it on the GPU. Pixels differ from
/// libjpeg's by the rounding of the inverse transform and of the upsampling, which interpolates as libjpeg's does.
class NvJpeg {
 public:
  explicit NvJpeg(CudaDevice&) {
    int version[3] = {};
    for (const libraryPropertyType part : {MAJOR_VERSION, MINOR_VERSION, PATCH_LEVEL}) {
      check(nvjpegGetProperty(part, &version[part]), "saying its version");
    }
    name_ = "nvjpeg " + std::to_string(version[0]) + "." + std::to_string(version[1]) + "." + std::to_string(version[2]);
    // Strict: what does not keep to the standard is refused, not guessed.
    check(nvjpegCreateEx(NVJPEG_BACKEND_HYBRID, nullptr, nullptr,
                         NVJPEG_FLAGS_BITSTREAM_STRICT | NVJPEG_FLAGS_UPSAMPLING_WITH_INTERPOLATION, &handle_), "starting");
  }
  NvJpeg(const NvJpeg&) = delete;
  NvJpeg& operator=(const NvJpeg&) = delete;
  ~NvJpeg() { nvjpegDestroy(handle_); }

  [[nodiscard]] const std::string& name() const { return name_; }

  class State {
   public:
    explicit State(const NvJpeg& codec) { check(nvjpegJpegStateCreate(codec.handle_, &state_), "making a state"); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { nvjpegJpegStateDestroy(state_); }

   private:
    friend class NvJpeg;
    nvjpegJpegState_t state_ = nullptr;
  };

  bool decode(State& state, CudaDevice::Queue& queue, const PlainJpeg& jpeg, std::uint8_t* rgb) const {
    const auto* const bytes = reinterpret_cast<const unsigned char*>(jpeg.bytes.data());
    int components = 0, widths[NVJPEG_MAX_COMPONENT] = {}, heights[NVJPEG_MAX_COMPONENT] = {};
    nvjpegChromaSubsampling_t subsampling = NVJPEG_CSS_UNKNOWN;
    if (!understood(nvjpegGetImageInfo(handle_, bytes, jpeg.bytes.size(), &components, &subsampling, widths, heights),
                    "reading a header")) {
      return false;
    }
    // What it would write is what there is room for.
    if (components != jpeg.components || widths[0] != jpeg.width || heights[0] != jpeg.height) return false;
    nvjpegImage_t to{};
    to.channel[0] = rgb;
    to.pitch[0] = static_cast<std::size_t>(jpeg.width) * 3;
    if (understood(nvjpegDecode(handle_, state.state_, bytes, jpeg.bytes.size(), NVJPEG_OUTPUT_RGBI, &to, queue.stream()),
                   "decoding")) {
      return true;
    }
    cudaGetLastError();  // what it may have left is none of the next launch's
    return false;
  }

 private:
  static void check(nvjpegStatus_t status, const char* doing) {
    if (status == NVJPEG_STATUS_SUCCESS) return;
    throw BackendError(std::string("nvJPEG failed ") + doing + " (status " + std::to_string(static_cast<int>(status)) +
                       "): let the CPU decode.");
  }
  /// False where it may be the file that it does not take: others report the last three for files too, INVALID_PARAMETER and
  /// EXECUTION_FAILED for ones of ImageNet (DALI's issues 3159, 3160 and 6026). A GPU that is lost is found by whoever waits for it.
  static bool understood(nvjpegStatus_t status, const char* doing) {
    for (const nvjpegStatus_t of_file :
         {NVJPEG_STATUS_BAD_JPEG, NVJPEG_STATUS_JPEG_NOT_SUPPORTED, NVJPEG_STATUS_INCOMPLETE_BITSTREAM,
          NVJPEG_STATUS_IMPLEMENTATION_NOT_SUPPORTED, NVJPEG_STATUS_INVALID_PARAMETER, NVJPEG_STATUS_EXECUTION_FAILED,
          NVJPEG_STATUS_INTERNAL_ERROR}) {
      if (status == of_file) return false;
    }
    check(status, doing);
    return true;
  }

  std::string name_;
  nvjpegHandle_t handle_ = nullptr;
};

/// Decodes a data set's JPEG files on the first GPU.
using GpuDecoder = DecoderOn<CudaDevice, NvJpeg>;

}  // namespace cxrnet::cuda
