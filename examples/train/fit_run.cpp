#include "train/fit_run.hpp"

#include "common/program.hpp"

#include <cxrnet/train/checkpointing.hpp>
#include <cxrnet/train/fit.hpp>

#include <utility>

namespace cxrnet::programs {

FitResult fit_run(const TrainSettings& settings, Classifier& net, const RunImages& images,
                  const std::map<std::string, std::string>& metadata, const TrainingState* resume, FeatureStore* cache,
                  FitTimes& times) {
  FitOptions options{.epochs = settings.epochs,
                     .batch = settings.batch,
                     .seed = settings.seed,
                     .random_numbers = settings.rng == "keras" ? RandomNumbers::keras : RandomNumbers::counter,
                     .views = settings.views,
                     .cache = cache,
                     .resume = resume,
                     .threads = settings.threads,
                     .stop = &interrupted()};
  if (settings.class_weights == "balanced") options.class_weights = balanced_class_weights(*images.train);
  if (settings.profile) {
    options.profile = &times.frozen;
    net.set_profile(&times.trained);
  }
  Callbacks callbacks = callbacks_of(settings, settings.epochs, images.train->size());
  callbacks.add(ShowProgress());
  callbacks.add(Checkpointing(settings.out, metadata, {.steps = settings.checkpoint_every}));
  return fit(net, *images.train, images.validation.get(), options, std::move(callbacks));
}

}  // namespace cxrnet::programs
