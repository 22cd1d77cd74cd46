#pragma once
#include "common/settings.hpp"
#include "common/training_run.hpp"

#include <cxrnet/backend/program.hpp>
#include <cxrnet/train/classifier_interface.hpp>
#include <cxrnet/train/feature_store.hpp>
#include <cxrnet/train/fit_options.hpp>
#include <cxrnet/train/training_state.hpp>

#include <map>
#include <string>

namespace cxrnet::programs {

/// Times by operation, filled where the settings ask for a profile.
struct FitTimes {
  Profile frozen, trained;
};

/// The training itself, with checkpoints that carry `metadata` and progress on standard output. `resume` and `cache` may be
/// null.
FitResult fit_run(const TrainSettings& settings, Classifier& net, const RunImages& images,
                  const std::map<std::string, std::string>& metadata, const TrainingState* resume, FeatureStore* cache,
                  FitTimes& times);

}  // namespace cxrnet::programs
