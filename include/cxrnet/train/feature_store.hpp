#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace cxrnet {

/// Where features of whole data sets are kept between runs, under a key that stands for all that they depend on
/// (`FeatureKeys`). `FeatureCache` keeps them in a folder.
class FeatureStore {
 public:
  FeatureStore() = default;
  FeatureStore(const FeatureStore&) = delete;
  FeatureStore& operator=(const FeatureStore&) = delete;
  virtual ~FeatureStore() = default;

  /// Whatever else the last bits of features depend on, as text.
  [[nodiscard]] virtual const std::string& computation() const = 0;
  /// The features of so many images, each `width` of them; nothing where there are none under that key.
  [[nodiscard]] virtual std::optional<std::vector<float>> find(const std::string& key, std::size_t images,
                                                               std::size_t width) const = 0;
  /// Keeps features under a key, images x width.
  virtual void store(const std::string& key, std::size_t images, std::size_t width, std::span<const float> features) const = 0;
};

}  // namespace cxrnet
