#include "common/trained_files.hpp"

#include "common/images.hpp"
#include "common/model_file.hpp"
#include "common/run_record.hpp"

#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/model_io.hpp>
#include <cxrnet/report/history.hpp>
#include <cxrnet/report/metrics_json.hpp>

#include <array>

namespace cxrnet::programs {

namespace {

constexpr std::array trained_files{"model.h5", "model.safetensors", "history.json", "history.csv", "run.json"};
constexpr std::array later_files{"history.svg", "history.png", "metrics.json", "predictions.csv"};

}  // namespace

void require_run_folder(const std::filesystem::path& folder) {
  ensure_folder(folder);
  for (const char* name : trained_files) require_writable(folder / name);
  for (const char* name : later_files) require_writable(folder / name);
}

void write_trained(const std::filesystem::path& folder, const Classifier& net, const std::vector<std::string>& classes,
                   const History& history) {
  const auto metadata = model_metadata(net, classes);
  net.release_workspace();  // as much as the models take while they are written
  save_model(folder / "model.h5", net.description(), net.parameters(), metadata);
  save_model(folder / "model.safetensors", net.description(), net.parameters(), metadata);
  for (const char* name : later_files) std::filesystem::remove(folder / name);
  write_history_json(folder / "history.json", history);
  write_history_csv(folder / "history.csv", history);
}

Evaluation test_model(const std::filesystem::path& file, const ImageDataset& test, int positive, unsigned threads,
                      const std::string& device) {
  const LoadedModel model = load_model(file, 32, device);
  std::vector<float> probabilities;
  const Evaluation evaluation = evaluate_images(*model.classifier, test, positive, threads, probabilities);
  write_metrics_json(file.parent_path() / "metrics.json", evaluation);
  write_predictions(file.parent_path() / "predictions.csv", test, probabilities);
  return evaluation;
}

}  // namespace cxrnet::programs
