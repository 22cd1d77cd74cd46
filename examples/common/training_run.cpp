#include "common/training_run.hpp"

#include "common/images.hpp"
#include "common/program.hpp"

#include <cxrnet/simd/target.hpp>
#include <cxrnet/core/error.hpp>
#include <cxrnet/train/early_stopping.hpp>
#include <cxrnet/train/learning_rate.hpp>
#include <cxrnet/train/reduce_on_plateau.hpp>
#include <cxrnet/train/scheduled_rate.hpp>

#include <cstdint>
#include <iostream>

namespace cxrnet::programs {

RunImages open_run_images(const TrainSettings& settings, const Description& network) {
  const BadImages bad = settings.skip_bad ? BadImages::skip : BadImages::fail;
  const ImageDecoder* const decoder = decoder_of(settings.decode);
  RunImages images;
  images.train = open_images(settings.train, {}, bad, settings.threads, decoder);
  require_class_count(*images.train, network);
  const auto& classes = images.train->classes();
  images.validation = open_images(settings.val, classes, bad, settings.threads, decoder);
  if (!settings.test.empty()) images.test = open_images(settings.test, classes, bad, settings.threads, decoder);
  images.positive = class_id(classes, settings.positive);
  return images;
}

InputHashes read_inputs(const TrainSettings& settings, const RunImages& images) {
  images.validation->decode_all();
  if (images.test != nullptr) images.test->decode_all();
  return hash_inputs(settings, *images.train, *images.validation, images.test.get());
}

std::string chosen_precision(const TrainSettings& settings) {
  if (settings.precision != "auto") return settings.precision;
  if (settings.unfreeze_from != 6 || settings.device != "cpu") {
    std::cout << "Precision: float32, since " << (settings.device != "cpu" ? "a GPU computes in half.\n" : "part of VGG16 trains.\n");
    return "float32";
  }
  const bool bytes = has_byte_products();
  std::cout << "Precision: " << (bytes ? "int8, since this processor adds products of bytes (AVX-512 VNNI).\n"
                                       : "float32, since this processor has no instruction for products of bytes.\n");
  return bytes ? "int8" : "float32";
}

Callbacks callbacks_of(const TrainSettings& s, int epochs, std::size_t images) {
  const std::uint64_t steps = static_cast<std::uint64_t>(epochs) * ((images + s.batch - 1) / s.batch);
  Callbacks callbacks;
  if (s.schedule == "cosine") callbacks.add(ScheduledRate(CosineDecay{s.learning_rate, steps}));
  if (s.schedule == "step") callbacks.add(ScheduledRate(StepDecay{s.learning_rate, (steps + 2) / 3}));
  if (s.schedule == "plateau") callbacks.add(ReduceOnPlateau{.factor = 0.2, .patience = 2});
  if (s.early_stopping > 0) {
    callbacks.add(EarlyStopping{.monitor = monitor_of(s.monitor),
                                .patience = s.early_stopping,
                                .best_weights = BestWeights::restore});
  }
  return callbacks;
}

}  // namespace cxrnet::programs
