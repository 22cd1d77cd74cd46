#pragma once
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <jpeglib.h>

namespace cxrnet::test {

/// A JPEG file, as libjpeg's defaults for a colour space have it and change(codec) changes them, of rows that fill(y, row) gives.
template <class Change, class Fill>
std::vector<std::byte> written_jpeg(J_COLOR_SPACE colours, int components, int width, int height, Change change, Fill fill) {
  jpeg_compress_struct codec{};
  jpeg_error_mgr errors{};
  codec.err = jpeg_std_error(&errors);
  jpeg_create_compress(&codec);
  unsigned char* file = nullptr;
  unsigned long bytes = 0;
  jpeg_mem_dest(&codec, &file, &bytes);
  codec.image_width = static_cast<JDIMENSION>(width);
  codec.image_height = static_cast<JDIMENSION>(height);
  codec.input_components = components;
  codec.in_color_space = colours;
  jpeg_set_defaults(&codec);
  change(codec);
  jpeg_start_compress(&codec, TRUE);
  std::vector<unsigned char> row(static_cast<std::size_t>(width * components));
  for (int y = 0; y < height; ++y) {
    fill(y, row);
    unsigned char* line = row.data();
    jpeg_write_scanlines(&codec, &line, 1);
  }
  jpeg_finish_compress(&codec);
  jpeg_destroy_compress(&codec);
  const auto* const begin = reinterpret_cast<const std::byte*>(file);
  std::vector<std::byte> result(begin, begin + bytes);
  std::free(file);
  return result;
}

}  // namespace cxrnet::test
