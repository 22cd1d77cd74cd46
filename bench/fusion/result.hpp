#pragma once
#include <cxrnet/report/roofline.hpp>

#include <filesystem>
#include <string>
#include <vector>

// What the benchmark measured, and how it is shown.
namespace cxrnet::fusion {

/// One operation of a variant, of all images of the batch.
struct OperationResult {
  std::string layer;
  std::string operation;  ///< "convolution+bias+relu"
  std::string algorithm;
  double seconds = 0;  ///< the median
  Work stated;
  Work done;
};

struct VariantResult {
  std::string rules;
  std::vector<OperationResult> operations;
  double seconds = 0;  ///< the median of all operations' sum
  double low = 0, high = 0;  ///< quartiles of it
  double speed_up = 1;       ///< over the unfused variant: the median of ratios of runs in turn
  double speed_up_low = 1, speed_up_high = 1;  ///< quartiles
  double difference = 0;  ///< of the output, largest, from the unfused variant's, over the largest output

  [[nodiscard]] Work stated() const {
    Work sum;
    for (const auto& o : operations) sum += o.stated;
    return sum;
  }
  [[nodiscard]] Work done() const {
    Work sum;
    for (const auto& o : operations) sum += o.done;
    return sum;
  }
};

struct StackResult {
  std::string name;
  bool drawn = true;
  int batch = 1;
  int runs = 0;
  std::vector<VariantResult> variants;
};

struct Machine {
  std::string processor;
  std::string software;  ///< "cxrnet 0.1.0, oneDNN 2.6.3, g++ 12.2.0"
  std::string backend;
  std::string instructions;  ///< of our own kernels
  int threads = 1;
  Roofline roof;
};

/// The share of the roofline that a time is.
inline double share(const Roofline& roof, const Work& work, double seconds) { return roof.seconds(work) / seconds; }

/// Lines of the terminal's table.
std::string table_head(const Machine& machine);
std::string table_rows(const Machine& machine, const StackResult& result);
/// The time of each operation of each variant.
std::string operations_table(const Machine& machine, const StackResult& result);

std::string json_of(const Machine& machine, const std::vector<StackResult>& results);
std::string csv_of(const Machine& machine, const std::vector<StackResult>& results);

/// Draws the largest batch's stacks that are to be drawn to an .svg or a .png. Throws as write_history_plot does.
void write_plot(const std::filesystem::path& file, const Machine& machine, const std::vector<StackResult>& results);

}  // namespace cxrnet::fusion
