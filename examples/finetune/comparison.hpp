#pragma once
#include <cxrnet/metrics/evaluation.hpp>

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

// Models of several seeds side by side on one test set.
namespace cxrnet::programs {

/// One way of training, with what the test set says of it, seed by seed.
struct Compared {
  std::string name;  ///< "phase1"
  std::string what;  ///< "the head alone, 10 epochs"
  std::vector<Evaluation> by_seed;
};

/// For a terminal: accuracy, and the positive class's precision, recall, F1 and ROC AUC; of several seeds also mean and
/// standard deviation (n - 1), and those of the last model's lead on each other, seed by seed.
[[nodiscard]] std::string comparison_table(std::span<const Compared> models, std::span<const std::uint64_t> seeds);

/// The same figures; what is undefined is null.
[[nodiscard]] nlohmann::ordered_json comparison_json(std::span<const Compared> models,
                                                     std::span<const std::uint64_t> seeds);

}  // namespace cxrnet::programs
