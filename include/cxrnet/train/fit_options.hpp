#pragma once
#include <cxrnet/backend/program.hpp>
#include <cxrnet/core/error.hpp>
#include <cxrnet/data/dataset.hpp>
#include <cxrnet/train/feature_store.hpp>
#include <cxrnet/train/history.hpp>
#include <cxrnet/train/training_state.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cxrnet {

/// Whose random numbers order and augment the training images: a counter's, a function of (seed, epoch, sample); or
/// the ones that Keras's generator draws from numpy with the same seed.
enum class RandomNumbers { counter, keras };

/// How often an epoch takes each training image: once, or so that every class comes as often (Schedule::balanced).
enum class Sampling { natural, balanced };

struct FitOptions {
  int epochs = 10;
  std::size_t batch = 32;
  std::uint64_t seed = 0;
  RandomNumbers random_numbers = RandomNumbers::counter;
  Sampling sampling = Sampling::natural;
  std::vector<float> class_weights{};         ///< of each sample's loss in training, by its class; empty: 1
  /// Bytes of features to keep, of each data set; more are computed anew each epoch.
  std::size_t feature_memory = std::size_t{1} << 30;
  /// 0: every epoch augments anew. K: epoch e takes of each image what epoch e mod K (from 0) made of it, so that from
  /// epoch K on its features are known. Results change from there: the network sees no more than K views of an image.
  int views = 0;
  FeatureStore* cache = nullptr;              ///< of features on disk, whole epochs' too; null: none
  const TrainingState* resume = nullptr;      ///< goes on from there, to the same bits as if it had never stopped
  unsigned threads = 0;                       ///< that decode and augment; 0: one for each processor
  const std::atomic<bool>* stop = nullptr;    ///< looked at after each step, and while features are computed
  Profile* profile = nullptr;                 ///< gets the time of each operation before the cut
};

struct FitResult {
  History history;                 ///< from epoch 1, what was resumed included
  std::size_t steps = 0;           ///< of training that were made
  bool stopped = false;            ///< by FitOptions::stop; the last epoch may lack its validation
  std::string stop_reason;         ///< why training ended early; empty where it did not
  double backbone_seconds = 0;     ///< spent in the layers before the cut, those of steps that begin with images apart
  double waiting_seconds = 0;      ///< spent waiting for images
  double step_seconds = 0;         ///< spent in the layers behind the cut: forward, backward, optimiser; where steps begin
                                   ///< with images (Classifier::stages), in all layers
};

/// Weights by class that make every class count as much: images / (classes * images of the class), scikit-learn's
/// class_weight="balanced". ArgumentError where images have several labels.
[[nodiscard]] inline std::vector<float> balanced_class_weights(const ImageDataset& images) {
  if (images.labelling() != Labelling::one) throw ArgumentError("Class weights need images of one class each.");
  std::vector<double> counts(images.classes().size());
  for (std::size_t i = 0; i < images.size(); ++i) ++counts[static_cast<std::size_t>(images.label(i))];
  const double each = static_cast<double>(images.size()) / static_cast<double>(counts.size());
  std::vector<float> weights;
  for (const double count : counts) weights.push_back(static_cast<float>(each / count));
  return weights;
}

}  // namespace cxrnet
