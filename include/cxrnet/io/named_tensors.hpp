#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <cxrnet/core/error.hpp>

namespace cxrnet {

/// How a feature map's values were put in a row before a dense layer: as Keras does, or as PyTorch and ONNX do.
enum class MapOrder { height_width_channel, channel_height_width };

/// One float32 tensor, C-ordered in Keras's layout: convolution kernels HWIO, dense kernels (in, out).
struct NamedTensor {
  std::string name;  ///< `<layer>.<variable>`: "block1_conv1.kernel", "dense.bias"
  std::vector<std::size_t> dims;
  std::vector<float> values;
  MapOrder map_order = MapOrder::height_width_channel;  ///< of its first axis, where that counts a flattened map's values
};

/// A trained model at run time: tensors in the order of the layers, and what is known of them.
struct NamedTensors {
  std::vector<NamedTensor> tensors;
  std::map<std::string, std::string> metadata;  ///< ours: "preprocess", "classes", ...; empty where a file is foreign

  /// The tensor of that name, or null.
  [[nodiscard]] const NamedTensor* find(std::string_view name) const {
    const auto at = std::find_if(tensors.begin(), tensors.end(), [&](const auto& tensor) { return tensor.name == name; });
    return at == tensors.end() ? nullptr : &*at;
  }
};

/// Elements of a tensor of these dims, or nothing where the product overflows.
[[nodiscard]] inline std::optional<std::size_t> element_count(std::span<const std::size_t> dims) {
  std::size_t count = 1;
  bool overflow = false;
  for (const std::size_t dim : dims) {
    if (dim == 0) return 0;
    overflow = overflow || count > std::numeric_limits<std::size_t>::max() / dim;
    count *= dim;
  }
  return overflow ? std::nullopt : std::optional(count);
}

/// "(3, 3, 64, 128)".
[[nodiscard]] inline std::string dims_text(std::span<const std::size_t> dims) {
  std::string text = "(";
  for (std::size_t i = 0; i < dims.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(dims[i]);
  return text + ")";
}

/// A name out of a file, made fit for a message: control characters replaced, 80 characters at most.
[[nodiscard]] inline std::string shown(std::string_view name) {
  std::string text(name.substr(0, 80));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  }
  return name.size() > 80 ? text + "..." : text;
}

/// Throws FormatError naming the first tensor with a NaN or an infinity.
inline void require_finite(const NamedTensors& model, const std::string& file) {
  for (const NamedTensor& tensor : model.tensors) {
    if (!std::all_of(tensor.values.begin(), tensor.values.end(), [](float x) { return std::isfinite(x); })) {
      throw FormatError("'" + file + "' has values that are not finite (NaN or infinity) in tensor " +
                        shown(tensor.name) + "; fetch or train the weights again");
    }
  }
}

}  // namespace cxrnet
