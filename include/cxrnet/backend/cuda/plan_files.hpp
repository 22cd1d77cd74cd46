#pragma once
#include <cxrnet/backend/cuda/plan.hpp>
#include <cxrnet/core/warn.hpp>
#include <cxrnet/io/atomic_file.hpp>
#include <cxrnet/io/input_file.hpp>

#include <cctype>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace cxrnet::cuda {

/// What plans depend on of a GPU and its driver, whose version is CUDA's, as `nvidia-smi` shows it too: "NVIDIA H100 80GB HBM3,
/// sm 900, 132 multiprocessors, driver for CUDA 13.0". cuDNN 9.19 loads no plan that was built for another driver.
inline std::string gpu_key(const std::string& name, int sm, int multiprocessors, int driver) {
  return name + ", sm " + std::to_string(sm) + ", " + std::to_string(multiprocessors) + " multiprocessors, driver for CUDA " +
         std::to_string(driver / 1000) + "." + std::to_string(driver % 1000 / 10);
}
/// The same out of a GPU's properties as cuDNN takes them. FormatError where they are not that.
inline std::string gpu_key(const std::string& properties) {
  try {
    const auto json = nlohmann::json::parse(properties);
    return gpu_key(json.at("deviceName").get<std::string>(), json.at("deviceVer").get<int>(), json.at("multiProcessorCount").get<int>(),
                   json.at("driverVer").get<int>());
  } catch (const nlohmann::json::exception& error) {
    throw FormatError(std::string("These are no properties of a GPU as cuDNN writes them: ") + error.what() + ".");
  }
}

/// Plans in a folder, one file for each version of cuDNN, GPU with its driver, and graph: what a start built, a later one loads, in
/// milliseconds where an engine that is compiled at run time takes seconds; and what `plans` built where there is no GPU, one
/// with that GPU loads. A plan may hold machine code: keep the folder where only those may write who may also replace the
/// program.
class PlanFiles {
 public:
  /// Creates the folder where it is missing. FileError where nothing can be written to it. `warn` gets a sentence about a file
  /// that cannot be used; its plan is then built anew. Default: standard error.
  explicit PlanFiles(std::filesystem::path folder, std::function<void(const std::string&)> warn = {})
      : folder_(std::move(folder)), warn_(std::move(warn)) {
    ensure_folder(folder_);
  }

  /// Nothing where there is none, or none that can be used.
  [[nodiscard]] std::optional<Plan> find(const Graph& graph, const std::string& gpu, const Target& target) const {
    const std::filesystem::path file = file_of(graph, gpu);
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored)) return std::nullopt;
    try {
      const InputFile input(file);
      if (input.size() > largest) throw FormatError("it is too large");
      const auto json = nlohmann::json::parse(input.text());
      if (json.at("format") != format || json.at("cudnn") != cudnn_version() || json.at("gpu") != gpu || json.at("graph") != describe(graph)) {
        throw FormatError("it is of another graph, GPU, cuDNN or cxrnet");
      }
      Plan plan = load_plan(graph, json.at("plan").get<std::string>(), target);
      plan.tried = json.at("tried");
      return plan;
    } catch (const nlohmann::json::exception& error) {
      warn(file, error.what());
    } catch (const Error& error) {
      warn(file, error.what());
    }
    return std::nullopt;
  }

  /// What cannot be written is said, and changes nothing else.
  void keep(const Plan& plan, const std::string& gpu) const {
    const std::filesystem::path file = file_of(plan.graph, gpu);
    try {
      const nlohmann::ordered_json json{{"format", format}, {"cudnn", cudnn_version()}, {"gpu", gpu}, {"graph", describe(plan.graph)},
                                        {"engine", plan.engine.name}, {"tried", plan.tried}, {"plan", plan.serialised()}};
      write_atomically(file, json.dump() + "\n");
    } catch (const Error& error) {
      warn(file, error.what());
    }
  }

  [[nodiscard]] std::filesystem::path file_of(const Graph& graph, const std::string& gpu) const {
    std::string name = "cudnn" + std::to_string(cudnn_version()) + "-" + gpu + "-" + describe(graph);
    for (char& c : name) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '+' && c != '-' && c != '.') c = '_';
    }
    return folder_ / (name + ".json");
  }

 private:
  static constexpr const char* format = "cxrnet plan 3";
  static constexpr std::size_t largest = std::size_t{16} << 20U;

  void warn(const std::filesystem::path& file, const std::string& why) const {
    warn_by(warn_, "The plan in '" + file.string() + "' cannot be used: " + why);
  }

  std::filesystem::path folder_;
  std::function<void(const std::string&)> warn_;
};

}  // namespace cxrnet::cuda
