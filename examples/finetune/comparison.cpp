#include "finetune/comparison.hpp"

#include <cxrnet/report/text.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string_view>

namespace cxrnet::programs {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 5> names{"accuracy", "precision", "recall", "f1", "roc_auc"};
using Figures = std::array<double, names.size()>;

Figures figures_of(const Evaluation& evaluation) {
  const ClassScores& scores = evaluation.per_class[evaluation.positive];
  return {evaluation.accuracy, scores.precision, scores.recall, scores.f1,
          evaluation.roc_auc.value_or(std::numeric_limits<double>::quiet_NaN())};
}

std::vector<Figures> figures_of(const Compared& model) {
  std::vector<Figures> figures;
  for (const Evaluation& evaluation : model.by_seed) figures.push_back(figures_of(evaluation));
  return figures;
}

/// By how much `model` is ahead of `other`, seed by seed.
std::vector<Figures> lead(const Compared& model, const Compared& other) {
  std::vector<Figures> differences = figures_of(model);
  const auto others = figures_of(other);
  for (std::size_t i = 0; i < differences.size(); ++i) {
    for (std::size_t k = 0; k < names.size(); ++k) differences[i][k] -= others[i][k];
  }
  return differences;
}

struct Spread {
  Figures mean{};
  Figures deviation{};
};

Spread spread_of(std::span<const Figures> seeds) {
  Spread spread;
  const auto n = static_cast<double>(seeds.size());
  for (std::size_t k = 0; k < names.size(); ++k) {
    for (const Figures& one : seeds) spread.mean[k] += one[k] / n;
    double squares = 0;
    for (const Figures& one : seeds) squares += (one[k] - spread.mean[k]) * (one[k] - spread.mean[k]);
    spread.deviation[k] = std::sqrt(squares / (n - 1));
  }
  return spread;
}

std::string row(std::size_t width, std::string_view what, std::string_view seed, const Figures& figures) {
  std::string line = left_aligned(what, width) + right_aligned(seed, 6);
  for (const double figure : figures) line += right_aligned(std::isnan(figure) ? "undefined" : with_decimals(figure, 4), 11);
  return line + "\n";
}

std::string spread_rows(std::size_t width, std::string_view what, std::span<const Figures> seeds) {
  const Spread spread = spread_of(seeds);
  return row(width, what, "mean", spread.mean) + row(width, "", "sd", spread.deviation);
}

Json json_of(const Figures& figures) {
  Json json;
  for (std::size_t k = 0; k < names.size(); ++k) json[std::string(names[k])] = figures[k];
  return json;
}

void add_spread(Json& json, std::span<const Figures> seeds) {
  if (seeds.size() < 2) return;
  const Spread spread = spread_of(seeds);
  json["mean"] = json_of(spread.mean);
  json["standard_deviation"] = json_of(spread.deviation);
}

}  // namespace

std::string comparison_table(std::span<const Compared> models, std::span<const std::uint64_t> seeds) {
  const Compared& last = models.back();
  const std::string ahead = last.name + "'s lead on ";
  std::size_t width = 0;
  for (const Compared& model : models) {
    width = std::max({width, display_width(model.name + ": " + model.what), display_width(ahead + model.name)});
  }
  const Evaluation& any = last.by_seed.front();
  std::string text = "Test set: " + std::to_string(any.samples) + " images; always answering " +
                     printable(any.classes[any.majority_class]) + " is right on " +
                     with_decimals(any.majority_accuracy, 4) + " of them. Positive class: " +
                     printable(any.classes[any.positive]) + ".\n\n" + std::string(width, ' ') + right_aligned("seed", 6);
  for (const char* title : {"accuracy", "precision", "recall", "f1-score", "ROC AUC"}) text += right_aligned(title, 11);
  text += "\n";
  for (const Compared& model : models) {
    const auto figures = figures_of(model);
    for (std::size_t i = 0; i < figures.size(); ++i) {
      text += row(width, i == 0 ? model.name + ": " + model.what : "", std::to_string(seeds[i]), figures[i]);
    }
    if (seeds.size() > 1) text += spread_rows(width, "", figures);
  }
  if (seeds.size() < 2) return text;
  for (const Compared& model : models.first(models.size() - 1)) {
    text += spread_rows(width, ahead + model.name, lead(last, model));
  }
  return text;
}

Json comparison_json(std::span<const Compared> models, std::span<const std::uint64_t> seeds) {
  const Evaluation& any = models.back().by_seed.front();
  Json json = {{"test_images", any.samples},
               {"positive_class", any.classes[any.positive]},
               {"majority_accuracy", any.majority_accuracy},
               {"models", Json::array()}};
  for (const Compared& model : models) {
    Json entry = {{"name", model.name}, {"what", model.what}, {"seeds", Json::array()}};
    const auto figures = figures_of(model);
    for (std::size_t i = 0; i < figures.size(); ++i) {
      Json one = {{"seed", seeds[i]}};
      one.update(json_of(figures[i]));
      entry["seeds"].push_back(one);
    }
    add_spread(entry, figures);
    json["models"].push_back(entry);
  }
  if (seeds.size() < 2) return json;
  for (const Compared& model : models.first(models.size() - 1)) {
    Json entry = {{"of", models.back().name}, {"on", model.name}};
    add_spread(entry, lead(models.back(), model));
    json["leads"].push_back(entry);
  }
  return json;
}

}  // namespace cxrnet::programs
