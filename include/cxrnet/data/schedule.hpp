#pragma once
#include <cxrnet/augment/augment.hpp>
#include <cxrnet/core/error.hpp>
#include <cxrnet/random/mt19937_legacy.hpp>
#include <cxrnet/random/philox.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace cxrnet {

/// One image's turn in an epoch.
struct ScheduledSample {
  std::uint32_t index;  ///< Into the data set.
  TransformParameters transform;
};

enum class Order { sequential, shuffled };

/// In what order and with which transforms an epoch visits a data set: a pure function of seed and epoch, so that
/// training resumes and threads change nothing.
class Schedule {
 public:
  /// Folder order, nothing random: validation and test.
  static Schedule sequential() { return Schedule(Source::none, 0, Order::sequential, {}, {}); }

  /// Philox, keyed on seed, epoch and sample: an image's transform does not depend on where it stands in the order.
  static Schedule counter(std::uint64_t seed, Draws draws, ImageSize size, Order order = Order::shuffled) {
    return Schedule(Source::counter, seed, order, draws, size);
  }

  /// As `counter`, shuffled, with as many images of every class in each epoch: together as many as there are, rounded
  /// up. Of a class with fewer all come before one comes again, transformed anew; of one with more a part comes, another
  /// in each epoch. `labels` are the images', from 0. ArgumentError where a class has none.
  static Schedule balanced(std::uint64_t seed, Draws draws, ImageSize size, std::span<const int> labels) {
    Schedule schedule(Source::counter, seed, Order::shuffled, draws, size);
    for (std::size_t i = 0; i < labels.size(); ++i) {
      if (labels[i] < 0) throw ArgumentError("Balanced sampling needs images of one class each.");
      const auto label = static_cast<std::size_t>(labels[i]);
      if (label >= labels.size()) throw ArgumentError("Balanced sampling needs at least one image of every class.");
      schedule.classes_.resize(std::max(schedule.classes_.size(), label + 1));
      schedule.classes_[label].push_back(static_cast<std::uint32_t>(i));
    }
    for (const auto& members : schedule.classes_) {
      if (members.empty()) throw ArgumentError("Balanced sampling needs at least one image of every class.");
    }
    return schedule;
  }

  /// What stepping Keras's `flow_from_directory(seed=seed, shuffle=True)` gives, batch by batch, `on_epoch_end()` after
  /// each epoch. Throws ArgumentError where Keras has no such transforms, or no such seed.
  static Schedule keras(std::uint64_t seed, Draws draws, ImageSize size) {
    if (!draws.keras) {
      throw ArgumentError(
          "Keras's ImageDataGenerator cannot draw this list of transforms: list its own in the order rotation, shift, "
          "shear, zoom, horizontal flip, vertical flip, or use the counter generator.");
    }
    if (seed > std::numeric_limits<std::uint32_t>::max()) {
      throw ArgumentError("The seed " + std::to_string(seed) + " is too large for numpy: give one below 4294967296.");
    }
    return Schedule(Source::keras, seed, Order::shuffled, draws, size);
  }

  /// The same, but that the transforms of epoch e are those of epoch e mod `views`: each image comes in no more than so
  /// many views, in the order of every epoch's own. ArgumentError where `views` is 0, and of balanced sampling, in which
  /// an image may come often in one epoch and not at all in another.
  [[nodiscard]] Schedule with_views(std::uint32_t views) const {
    if (views == 0) throw ArgumentError("Images have at least 1 view.");
    if (!classes_.empty()) throw ArgumentError("Balanced sampling has no fixed views of its images: leave one out.");
    Schedule schedule = *this;
    schedule.views_ = views;
    return schedule;
  }

  /// How many turns there are in an epoch over so many images.
  [[nodiscard]] std::size_t epoch_size(std::size_t samples) const {
    return classes_.empty() ? samples : (samples + classes_.size() - 1) / classes_.size() * classes_.size();
  }

  /// The plan of one epoch (from 0) of `samples` images in batches of `batch`, which Keras seeds one by one.
  void plan(std::uint32_t epoch, std::size_t samples, std::size_t batch, std::vector<ScheduledSample>& plan) const {
    if (samples > std::numeric_limits<std::uint32_t>::max() || batch == 0) {
      throw ArgumentError("An epoch of " + std::to_string(samples) + " images in batches of " + std::to_string(batch) +
                          " cannot be planned: the batch must be at least 1.");
    }
    plan.resize(samples);
    if (source_ == Source::keras) {
      plan_keras(epoch, batch, plan);
      if (view(epoch) != epoch) take_transforms(view(epoch), batch, plan);
      return;
    }
    if (classes_.empty()) {
      for (std::size_t i = 0; i < samples; ++i) plan[i] = {static_cast<std::uint32_t>(i), {}};
    } else {
      draw_classes(epoch, samples, plan);
    }
    if (order_ == Order::shuffled) {
      RandomStream random(seed_, RandomUse::order, epoch, 0);
      shuffle(random, std::span(plan));
    }
    if (source_ == Source::none) return;
    std::vector<std::uint32_t> turns(classes_.empty() ? 0 : samples);
    for (auto& sample : plan) {
      // An image's later turns in an epoch are, to the random numbers, images behind the last.
      const std::uint32_t turn = turns.empty() ? 0 : turns[sample.index]++;
      RandomStream random(seed_, RandomUse::transform, view(epoch),
                          sample.index + turn * static_cast<std::uint32_t>(samples));
      sample.transform = draws_.draw(random, size_);
    }
  }

 private:
  enum class Source { none, counter, keras };

  Schedule(Source source, std::uint64_t seed, Order order, Draws draws, ImageSize size)
      : source_(source), seed_(seed), order_(order), draws_(draws), size_(size) {}

  /// The epoch whose transforms an epoch has.
  [[nodiscard]] std::uint32_t view(std::uint32_t epoch) const { return views_ == 0 ? epoch : epoch % views_; }

  template <class T>
  static void shuffle(RandomStream& random, std::span<T> values) {
    for (std::size_t i = values.size(); i-- > 1;) {
      std::swap(values[i], values[random.below(static_cast<std::uint32_t>(i + 1))]);
    }
  }

  /// As many of each class, one class after the other.
  void draw_classes(std::uint32_t epoch, std::size_t samples, std::vector<ScheduledSample>& plan) const {
    plan.clear();
    const std::size_t each = epoch_size(samples) / classes_.size();
    for (std::size_t c = 0; c < classes_.size(); ++c) {
      RandomStream random(seed_, RandomUse::order, epoch, static_cast<std::uint32_t>(c + 1));
      std::vector<std::uint32_t> members;
      for (std::size_t i = 0; i < each; ++i) {
        if (i % classes_[c].size() == 0) {
          members = classes_[c];
          shuffle(random, std::span(members));
        }
        plan.push_back({members[i % members.size()], {}});
      }
    }
  }

  /// Seeded as before the batch that is `batches` after the first of all.
  [[nodiscard]] LegacyRandomState keras_state(std::uint64_t batches) const {
    if (seed_ + batches > std::numeric_limits<std::uint32_t>::max()) {
      throw ArgumentError("The seed " + std::to_string(seed_) + " and " + std::to_string(batches) +
                          " batches exceed numpy's largest seed: give a smaller seed.");
    }
    return LegacyRandomState(static_cast<std::uint32_t>(seed_ + batches));
  }

  /// ImageDataGenerator.get_random_transform: what is off draws nothing, except that both flips always draw.
  [[nodiscard]] TransformParameters draw_keras(LegacyRandomState& random) const {
    const KerasRanges& ranges = *draws_.keras;
    const auto either_way = [&](double range) { return range == 0.0 ? 0.0 : random.uniform(-range, range); };
    TransformParameters p;
    p.theta = either_way(ranges.rotation);
    p.tx = either_way(ranges.height_shift) * size_.height;
    p.ty = either_way(ranges.width_shift) * size_.width;
    p.shear = either_way(ranges.shear);
    if (ranges.zoom != 0.0) {
      p.zx = random.uniform(1.0 - ranges.zoom, 1.0 + ranges.zoom);
      p.zy = random.uniform(1.0 - ranges.zoom, 1.0 + ranges.zoom);
    }
    p.flip_horizontal = random.random_sample() < 0.5 && ranges.horizontal == Mirror::yes;
    p.flip_vertical = random.random_sample() < 0.5 && ranges.vertical == Mirror::yes;
    return p;
  }

  void plan_keras(std::uint32_t epoch, std::size_t batch, std::vector<ScheduledSample>& plan) const {
    if (plan.empty()) return;
    const std::size_t samples = plan.size();
    const std::uint64_t batches = (samples + batch - 1) / batch;
    std::vector<std::uint32_t> order(samples);
    // The first order is drawn after the first batch's seeding, and each later one from the state that the last batch
    // of the epoch before has left. That state is reached again from that batch's own seed.
    if (epoch > 0) {
      LegacyRandomState random = keras_state(epoch * batches - 1);
      if (epoch == 1 && batches == 1) random.permutation(order);
      for (std::size_t i = (batches - 1) * batch; i < samples; ++i) (void)draw_keras(random);
      random.permutation(order);
    }
    for (std::uint64_t b = 0; b < batches; ++b) {
      LegacyRandomState random = keras_state(epoch * batches + b);
      if (epoch == 0 && b == 0) random.permutation(order);
      for (std::size_t i = b * batch; i < std::min(samples, (b + 1) * batch); ++i) {
        plan[i] = {order[i], draw_keras(random)};
      }
    }
  }

  /// Gives each image the transform that Keras draws for it in another epoch.
  void take_transforms(std::uint32_t epoch, std::size_t batch, std::vector<ScheduledSample>& plan) const {
    std::vector<ScheduledSample> other(plan.size());
    plan_keras(epoch, batch, other);
    std::vector<TransformParameters> of_image(plan.size());
    for (const auto& sample : other) of_image[sample.index] = sample.transform;
    for (auto& sample : plan) sample.transform = of_image[sample.index];
  }

  Source source_;
  std::uint64_t seed_;
  Order order_;
  Draws draws_;
  ImageSize size_;
  std::vector<std::vector<std::uint32_t>> classes_{};  // of balanced sampling: their images
  std::uint32_t views_ = 0;                            // 0: as many as epochs
};

}  // namespace cxrnet
