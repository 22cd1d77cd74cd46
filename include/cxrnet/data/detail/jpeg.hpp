#pragma once
#include <cxrnet/data/detail/image_structure.hpp>
#include <cxrnet/data/detail/picked_pixels.hpp>

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <jpeglib.h>
#include <jerror.h>

// JPEG by libjpeg-turbo, with its defaults, which are Pillow's: the slow integer DCT and fancy upsampling.
namespace cxrnet::detail {

/// libjpeg reports errors by a function that may not return. It jumps, back into attempt() alone, across frames of
/// libjpeg and of steps that own nothing.
class JpegDecoder {
 public:
  explicit JpegDecoder(const std::filesystem::path& name) : name_(name) {
    codec_.err = jpeg_std_error(&errors_);
    codec_.client_data = this;
    errors_.error_exit = [](j_common_ptr codec) { escape(codec); };
    errors_.emit_message = [](j_common_ptr codec, int level) {
      if (level < 0 && !harmless(codec->err->msg_code)) escape(codec);
    };
    errors_.output_message = [](j_common_ptr) {};
    attempt([&] { jpeg_create_decompress(&codec_); });
  }
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;
  ~JpegDecoder() { jpeg_destroy_decompress(&codec_); }

  /// Decodes a file of `size` pixels, to the last row, so that damage below the last wanted one is found too. Its
  /// coefficients and buffers stay within `memory_limit` bytes. Throws ImageError.
  void decode(Bytes bytes, PixelSize size, std::size_t memory_limit, PickedPixels& picked) {
    begin(bytes, size, memory_limit);
    std::vector<std::uint8_t> row(std::size_t{codec_.output_width} * static_cast<std::size_t>(codec_.output_components));
    attempt([&] {
      JSAMPROW line = row.data();
      while (codec_.output_scanline < codec_.output_height) {
        const JDIMENSION y = static_cast<JDIMENSION>(picked.next_row(codec_.output_height - 1));
        if (y > codec_.output_scanline) jpeg_skip_scanlines(&codec_, y - codec_.output_scanline);
        jpeg_read_scanlines(&codec_, &line, 1);
        if (codec_.out_color_space == JCS_CMYK && picked.wants(y)) inks_to_rgb(line, codec_.output_width);
        picked.offer(y, line, PixelLayout::of(static_cast<std::size_t>(codec_.output_components)));
      }
      jpeg_finish_decompress(&codec_);
    });
  }

  /// Reads all that comes before the pixels, and throws ImageError as decode() does. The number of components where any
  /// decoder understands them alike, grey, or YCbCr whose Cb and Cr are whole or halved, in one scan; else 0.
  [[nodiscard]] int plain_components(Bytes bytes, PixelSize size, std::size_t memory_limit) {
    begin(bytes, size, memory_limit);
    const int count = codec_.num_components;
    const jpeg_component_info* const c = codec_.comp_info;
    if (codec_.comps_in_scan != count || (codec_.saw_Adobe_marker != 0 && codec_.Adobe_transform != 1)) return 0;
    if (codec_.jpeg_color_space != (count == 1 ? JCS_GRAYSCALE : JCS_YCbCr)) return 0;
    for (int k = 0; k < count; ++k) {
      const int most = count == 3 && k == 0 ? 2 : 1;
      if (c[k].h_samp_factor > most || c[k].v_samp_factor > most) return 0;
      if (count == 3 && c[k].component_id != k + 1) return 0;
    }
    return count;
  }

 private:
  /// All before the pixels: header, tables, buffers.
  void begin(Bytes bytes, PixelSize size, std::size_t memory_limit) {
    attempt([&] {
      codec_.mem->max_memory_to_use = static_cast<long>(memory_limit);
      jpeg_mem_src(&codec_, reinterpret_cast<const unsigned char*>(bytes.data()),
                   static_cast<unsigned long>(bytes.size()));
      jpeg_read_header(&codec_, TRUE);
    });
    if (size != PixelSize{codec_.image_height, codec_.image_width}) undecodable_image(name_, "it has two sizes");
    switch (codec_.jpeg_color_space) {
      case JCS_GRAYSCALE: codec_.out_color_space = JCS_GRAYSCALE; break;
      case JCS_YCbCr:
      case JCS_RGB: codec_.out_color_space = JCS_RGB; break;
      case JCS_CMYK:
      case JCS_YCCK: codec_.out_color_space = JCS_CMYK; break;
      default: undecodable_image(name_, "it has " + std::to_string(codec_.num_components) + " colour channels");
    }
    attempt([&] { jpeg_start_decompress(&codec_); });
  }

  /// Warnings about what surrounds the pixels. All others say that pixels were made up.
  static bool harmless(int code) {
    return code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM || code == JWRN_BOGUS_ICC;
  }

  [[noreturn]] static void escape(j_common_ptr codec) {
    std::longjmp(static_cast<JpegDecoder*>(codec->client_data)->back_, 1);
  }

  /// Runs a step in which no object has a destructor; throws ImageError where libjpeg gives up.
  template <class Step>
  void attempt(const Step& step) {
    if (setjmp(back_) == 0) {
      step();
      return;
    }
    char reason[JMSG_LENGTH_MAX];
    codec_.err->format_message(reinterpret_cast<j_common_ptr>(&codec_), reason);
    undecodable_image(name_, reason);
  }

  /// Adobe's inverted cyan, magenta, yellow and black as RGB, in place and with Pillow's rounding; the fourth byte stays.
  static void inks_to_rgb(std::uint8_t* pixels, std::size_t count) {
    for (std::uint8_t* pixel = pixels; pixel != pixels + 4 * count; pixel += 4) {
      const unsigned light = pixel[3];
      for (int k = 0; k < 3; ++k) {
        const unsigned product = (255U - pixel[k]) * light + 128U;
        pixel[k] = static_cast<std::uint8_t>(light - (((product >> 8U) + product) >> 8U));
      }
    }
  }

  jpeg_decompress_struct codec_{};
  jpeg_error_mgr errors_{};
  std::jmp_buf back_{};
  const std::filesystem::path& name_;
};

}  // namespace cxrnet::detail
