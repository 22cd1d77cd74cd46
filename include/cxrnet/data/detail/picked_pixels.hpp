#pragma once
#include <cxrnet/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace cxrnet::detail {

[[noreturn]] inline void bad_image(const std::filesystem::path& name, const std::string& what) {
  throw ImageError(name.string() + " " + what + ".");
}

[[noreturn]] inline void undecodable_image(const std::filesystem::path& name, const std::string& reason) {
  bad_image(name, "cannot be decoded (" + reason + "): fetch it again or remove it");
}

/// Where the colours stand in a decoded row: bytes from one pixel to the next, and from red to green and blue.
struct PixelLayout {
  std::size_t step;
  std::size_t green;
  std::size_t blue;

  /// Grey, grey and alpha, RGB, or RGB and alpha, of which the first byte counts where samples have two.
  static constexpr PixelLayout of(std::size_t channels, std::size_t sample_bytes = 1) {
    const std::size_t next = channels >= 3 ? sample_bytes : 0;
    return {channels * sample_bytes, next, 2 * next};
  }
  friend bool operator==(const PixelLayout&, const PixelLayout&) = default;
};

/// The pixels that are wanted of an image, written as 8-bit RGB while a decoder hands over its rows from the top.
/// Output pixel (i, j) is source pixel (rows[i], columns[j]); neither may be empty or descend.
class PickedPixels {
 public:
  /// `rgb` holds rows.size() * columns.size() * 3 bytes and outlives this object.
  PickedPixels(std::vector<std::size_t> rows, std::vector<std::size_t> columns, std::uint8_t* rgb)
      : rows_(std::move(rows)), columns_(std::move(columns)), rgb_(rgb) {}

  /// Every pixel of an image of this size.
  PickedPixels(std::size_t height, std::size_t width, std::uint8_t* rgb)
      : PickedPixels(all_indices(height), all_indices(width), rgb) {
    every_column_ = true;
  }

  /// Source rows below the last one that is wanted need not be decoded.
  [[nodiscard]] std::size_t rows_needed() const { return rows_.back() + 1; }
  /// The next source row that is wanted, or `last` where there is none.
  [[nodiscard]] std::size_t next_row(std::size_t last) const noexcept {
    return next_ < rows_.size() ? rows_[next_] : last;
  }
  [[nodiscard]] bool wants(std::size_t row) const noexcept { return next_ < rows_.size() && rows_[next_] == row; }

  /// Takes source row `row`, which may be one that nobody wants. Each row is offered once, in order.
  void offer(std::size_t row, const std::uint8_t* pixels, PixelLayout layout) noexcept {
    if (!wants(row)) return;
    const std::size_t bytes = columns_.size() * 3;
    std::uint8_t* out = rgb_ + next_ * bytes;
    if (every_column_ && layout == PixelLayout::of(3)) {
      std::memcpy(out, pixels, bytes);
    } else {
      std::uint8_t* rgb = out;
      for (const std::size_t column : columns_) {
        const std::uint8_t* pixel = pixels + column * layout.step;
        rgb[0] = pixel[0];
        rgb[1] = pixel[layout.green];
        rgb[2] = pixel[layout.blue];
        rgb += 3;
      }
    }
    for (++next_; wants(row); ++next_, out += bytes) std::memcpy(out + bytes, out, bytes);
  }

 private:
  static std::vector<std::size_t> all_indices(std::size_t count) {
    std::vector<std::size_t> indices(count);
    std::iota(indices.begin(), indices.end(), std::size_t{0});
    return indices;
  }

  std::vector<std::size_t> rows_;
  std::vector<std::size_t> columns_;
  std::uint8_t* rgb_;
  std::size_t next_ = 0;
  bool every_column_ = false;
};

}  // namespace cxrnet::detail
