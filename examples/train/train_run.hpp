#pragma once
#include "common/run_folder.hpp"
#include "common/settings.hpp"

#include <filesystem>

// The program `train` without its command line.
namespace cxrnet::programs {

/// A new run of these settings, whose precision and device are chosen. Gives the exit status.
int train_anew(TrainSettings& settings);
/// Continues the run in a folder.
int train_on(const std::filesystem::path& folder, OtherAlgorithms other);

}  // namespace cxrnet::programs
