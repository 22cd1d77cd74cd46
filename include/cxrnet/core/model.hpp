#pragma once
#include <cxrnet/backend/program.hpp>
#include <cxrnet/core/aligned.hpp>
#include <cxrnet/core/error.hpp>
#include <cxrnet/core/initialise.hpp>
#include <cxrnet/core/lowered.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace cxrnet {

/// How a host tensor type is read and answered: <cxrnet/xtensor.hpp> gives it for xtensor.
template <class Tensor>
struct HostTensor;

/// Public images (0 to 255) as the bytes that a network in Int8 reads; what is no whole number goes to the nearest.
template <class Pixel>
void to_bytes(std::span<const Pixel> image, std::span<std::uint8_t> bytes) {
  for (std::size_t i = 0; i < image.size(); ++i) {
    if constexpr (std::is_same_v<Pixel, std::uint8_t>) bytes[i] = image[i];
    else bytes[i] = static_cast<std::uint8_t>(std::clamp(static_cast<float>(image[i]), 0.0F, 255.0F) + 0.5F);
  }
}

/// public image (0 to 255, NHWC) to what the network's first operation reads.
template <class Preprocess, class Pixel>
void preprocess(std::span<const Pixel> image, int channels, std::span<float> prepared) {
  const auto step = static_cast<std::size_t>(channels);
  for (std::size_t i = 0; i < image.size(); i += step) {
    for (int c = 0; c < channels; ++c) {
      const auto source = static_cast<std::size_t>(Preprocess::source(c));
      prepared[i + static_cast<std::size_t>(c)] =
          static_cast<float>(image[i + source]) * Preprocess::scale(c) + Preprocess::shift(c);
    }
  }
}

template <class Net, class Backend>
class Ahead;  // ahead.hpp

/// A network that predicts: its parameters, and the backend's programs made of them. Const functions are safe to call
/// from several threads at once: the weights are shared, each call takes a context of its own.
template <class Net, class Backend>
class Model : private detail::in_precision<Net, Backend, detail::unrunnable_layer<Net, Backend, Mode::inference>()> {
 public:
  using T = Traits<Net>;
  using scalar = typename Backend::scalar;
  using Preprocess = typename T::Preprocess;
  using Prepared = typename T::Prepared;
  using Lowering = Lowered<Net, Backend, Mode::inference>;

  /// A network with random parameters. Runs batches of up to `capacity` images at once; larger ones in parts.
  explicit Model(int capacity = 32, std::uint64_t seed = 0)
      : Model(initial_parameters<Net, scalar>(seed), capacity) {}

  /// A network with the given parameters, in layer order. ArgumentError where their number is not the network's.
  explicit Model(std::vector<scalar> parameters, int capacity = 32)
      : parameters_(checked(std::move(parameters))),
        capacity_(checked(capacity)),
        backbone_(Lowering::backbone, Backend::micro_batch(capacity_), parameters_.data()),
        head_(Lowering::head, capacity_, parameters_.data()) {}

  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;
  Model(Model&&) = delete;
  Model& operator=(Model&&) = delete;
  ~Model() = default;

  /// Class probabilities (n x classes) of n public images (n x height x width x channels, RGB, 0 to 255).
  template <class Pixel>
  void predict(std::span<const Pixel> images, std::span<float> probabilities) const {
    const std::size_t n = count(images.size(), T::input, "images");
    require(probabilities.size() == n * T::output.size(), "predict writes n x classes probabilities");
    auto lease = lease_with_head();
    for_each_part(n, capacity_, [&](std::size_t first, int part) {
      const auto size = static_cast<std::size_t>(part);
      const auto here = std::span(lease->features).first(size * T::features.size());
      run_backbone(*lease, images.subspan(first * T::input.size(), size * T::input.size()), here);
      head_.forward(lease->head, here.data(), part, probabilities.data() + first * T::output.size());
    });
  }

  /// What the layers before the cut give (n x features) for n public images.
  template <class Pixel>
  void features(std::span<const Pixel> images, std::span<float> features) const {
    const std::size_t n = count(images.size(), T::input, "images");
    require(features.size() == n * T::features.size(), "features writes n x features values");
    auto lease = this->lease();
    run_backbone(*lease, images, features);
  }

  /// The same for images that are preprocessed already, as loaders give them: floats, or bytes for a network in Int8.
  void features_of_prepared(std::span<const Prepared> prepared, std::span<float> features,
                            Profile* profile = nullptr) const {
    const std::size_t n = count(prepared.size(), T::input, "prepared images");
    require(features.size() == n * T::features.size(), "features writes n x features values");
    auto lease = this->lease();
    if (profile != nullptr) profile->seconds.resize(Lowering::backbone.operations.size());
    lease->backbone.profile = profile;
    for_each_part(n, backbone_.batch(), [&](std::size_t first, int part) {
      backbone_.forward(lease->backbone, prepared.data() + first * T::input.size(), part,
                        features.data() + first * T::features.size());
    });
  }

  /// The same for decoded images (bytes, RGB), which the backend samples at the coordinates of each one's map and
  /// preprocesses: augmentation within its first pass.
  template <class Map>
  void features_of_decoded(std::span<const std::uint8_t> rgb, std::span<const Map> maps, std::span<float> features,
                           Profile* profile = nullptr) const
    requires samples_images<Net, Backend>
  {
    const std::size_t n = count(rgb.size(), T::input, "decoded images");
    require(features.size() == n * T::features.size(), "features writes n x features values");
    require(maps.size() == n, "features takes a map for each image");
    auto lease = this->lease();
    if (profile != nullptr) profile->seconds.resize(Lowering::backbone.operations.size());
    lease->backbone.profile = profile;
    run_backbone(*lease, rgb, maps, features);
  }

  /// Shows what each operation before the cut gives for n public images, in parts.
  template <class Pixel>
  void observe(std::span<const Pixel> images, const Observer& observer) const {
    std::vector<float> features(count(images.size(), T::input, "images") * T::features.size());
    auto lease = this->lease();
    lease->backbone.observer = &observer;
    run_backbone(*lease, images, std::span(features));
  }

  /// Class probabilities from features.
  void predict_features(std::span<const float> features, std::span<float> probabilities) const {
    auto lease = lease_with_head();
    predict_features(*lease, features, probabilities);
  }

  /// Class probabilities of a host tensor of images (rank 4), strided ones included; include <cxrnet/xtensor.hpp>.
  template <class Images>
    requires requires { sizeof(HostTensor<Images>); }
  [[nodiscard]] auto predict(const Images& images) const {
    return HostTensor<Images>::apply(images, T::input, T::output.size(),
                                     [this](auto in, std::span<float> out) { this->predict(in, out); });
  }

  /// Features of a host tensor of images.
  template <class Images>
    requires requires { sizeof(HostTensor<Images>); }
  [[nodiscard]] auto features(const Images& images) const {
    return HostTensor<Images>::apply(images, T::input, T::features.size(),
                                     [this](auto in, std::span<float> out) { this->features(in, out); });
  }

  /// All parameters in layer order, laid out as Keras's, as they are now: those of later steps come with a later call.
  [[nodiscard]] std::span<const scalar> parameters() const {
    const std::lock_guard lock(mutex_);
    fetch();
    return parameters_;
  }
  /// One parameter, by its index in Traits<Net>::parameters.
  [[nodiscard]] std::span<const scalar> parameter(int index) const {
    const ParameterInfo& info = T::parameters[static_cast<std::size_t>(index)];
    return parameters().subspan(info.offset, info.parameter.size());
  }

  /// Replaces parameters: `change` gets all of them. Not to be called while another thread predicts.
  template <class Change>
  void set_parameters(Change change) {
    fetch();
    change(std::span<scalar>(parameters_));
    ++revision_;
    backbone_.update();
    head_is_stale_ = true;
  }

  /// The same where only what trains has changed: nothing before the cut is packed again, and what is behind it when it
  /// next predicts.
  template <class Change>
  void set_trainable(Change change) {
    fetch();
    change(std::span<scalar>(parameters_));
    ++revision_;
    head_is_stale_ = true;
  }
  /// What trains has changed where only `change` finds it: it is called, as above, when somebody next needs parameters.
  void set_trainable_later(std::function<void(std::span<scalar>)> change) {
    const std::lock_guard lock(mutex_);
    ++revision_;
    head_is_stale_ = true;
    change_ = std::move(change);
  }
  /// Calls it now, for it will not last. Where it fails, so will whoever needs the parameters.
  void settle() noexcept {
    const std::lock_guard lock(mutex_);
    try {
      fetch();
    } catch (const std::exception& error) {
      change_ = [what = std::string(error.what())](std::span<scalar>) {
        throw BackendError("The parameters that were trained could not be fetched: " + what);
      };
    }
  }

  /// How often parameters were replaced.
  [[nodiscard]] std::uint64_t revision() const { return revision_; }

  /// Gives back the memory that calls work in; the next one takes it anew.
  void release_workspace() const {
    const std::lock_guard lock(mutex_);
    idle_.clear();
  }

  [[nodiscard]] int capacity() const { return capacity_; }
  /// Bytes of the arena of one context, a constant of the type and the capacity.
  static constexpr std::size_t arena_bytes(int capacity) { return Lowering::arena_bytes(capacity); }
  /// Bytes of weights that the backend keeps in layouts of its own.
  [[nodiscard]] std::size_t packed_bytes() const { return backbone_.packed_bytes() + head_.packed_bytes(); }
  /// Bytes of workspace of one context, besides its arena.
  [[nodiscard]] std::size_t workspace_bytes() const {
    return std::max(backbone_.workspace_bytes(), head_.workspace_bytes());
  }
  /// What the backend picked for each operation.
  [[nodiscard]] std::vector<Algorithm> algorithms() const {
    auto list = backbone_.algorithms();
    for (auto& algorithm : head_.algorithms()) list.push_back(std::move(algorithm));
    return list;
  }

 private:
  friend class Ahead<Net, Backend>;
  using Program = typename Backend::Program;

  // One thread's arena, workspace and contexts.
  struct Execution {
    explicit Execution(const Model& model)
        : arena(host_bytes<Backend>(arena_bytes(model.capacity_))),
          workspace(model.workspace_bytes()),
          prepared(static_cast<std::size_t>(model.backbone_.batch()) * T::input.size()),
          features(static_cast<std::size_t>(model.capacity_) * T::features.size()),
          backbone(model.backbone_, arena.data(), workspace.data()),
          head(model.head_,
               arena.data() + host_bytes<Backend>(Lowering::backbone_plan.bytes * static_cast<std::size_t>(model.backbone_.batch())),
               workspace.data()) {}
    AlignedBytes arena;
    AlignedBytes workspace;
    std::vector<Prepared> prepared;
    std::vector<float> features;
    typename Program::Context backbone;
    typename Program::Context head;
  };

  // Gives the execution back to the idle ones.
  struct Return {
    const Model* model;
    void operator()(Execution* execution) const {
      execution->backbone.profile = nullptr;
      execution->backbone.observer = nullptr;
      const std::lock_guard lock(model->mutex_);
      model->idle_.emplace_back(execution);
    }
  };
  using Lease = std::unique_ptr<Execution, Return>;

  /// Takes changes that were made elsewhere.
  void fetch() const {
    if (!change_) return;
    change_(std::span<scalar>(parameters_));
    change_ = nullptr;
  }

  /// For whoever runs what is behind the cut: its weights are packed anew where they have changed.
  void update_head() const {
    const std::lock_guard lock(mutex_);
    fetch();
    if (head_is_stale_) head_.update();
    head_is_stale_ = false;
  }
  [[nodiscard]] Lease lease_with_head() const {
    update_head();
    return lease();
  }

  [[nodiscard]] Lease lease() const {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        Lease taken(idle_.back().release(), Return{this});
        idle_.pop_back();
        return taken;
      }
    }
    return Lease(std::make_unique<Execution>(*this).release(), Return{this});
  }

  template <class Pixel>
  void run_backbone(Execution& execution, std::span<const Pixel> images, std::span<float> features) const {
    if constexpr (samples_images<Net, Backend> && std::is_same_v<Pixel, std::uint8_t>) {
      const std::vector<typename Program::Staging::Map> as_they_are(images.size() / T::input.size());
      return run_backbone(execution, images, std::span(as_they_are), features);
    }
    for_each_part(images.size() / T::input.size(), backbone_.batch(), [&](std::size_t first, int part) {
      const std::size_t size = static_cast<std::size_t>(part) * T::input.size();
      const auto prepared = std::span(execution.prepared).first(size);
      const auto here = images.subspan(first * T::input.size(), size);
      if constexpr (T::input_precision == op::Precision::int8) to_bytes(here, prepared);
      else preprocess<Preprocess>(here, T::input.channels, prepared);
      backbone_.forward(execution.backbone, prepared.data(), part, features.data() + first * T::features.size());
    });
  }

  /// The same of decoded images and their maps, the next part on its way while one runs.
  template <class Map>
  void run_backbone(Execution& execution, std::span<const std::uint8_t> rgb, std::span<const Map> maps, std::span<float> features) const {
    Ahead<Net, Backend> ahead(*this, execution);
    const auto take = [&] { features = features.subspan(ahead.take(features) * T::features.size()); };
    for_each_part(maps.size(), backbone_.batch(), [&](std::size_t first, int part) {
      const auto size = static_cast<std::size_t>(part);
      ahead.give(rgb.subspan(first * T::input.size(), size * T::input.size()), maps.subspan(first, size));
      if (first != 0) take();
    });
    if (!maps.empty()) take();
  }

  void predict_features(Execution& execution, std::span<const float> features, std::span<float> probabilities) const {
    const std::size_t n = count(features.size(), T::features, "features");
    require(probabilities.size() == n * T::output.size(), "predict writes n x classes probabilities");
    for_each_part(n, capacity_, [&](std::size_t first, int part) {
      head_.forward(execution.head, features.data() + first * T::features.size(), part,
                    probabilities.data() + first * T::output.size());
    });
  }

  template <class Run>
  static void for_each_part(std::size_t n, int at_once, Run run) {
    const auto step = static_cast<std::size_t>(at_once);
    for (std::size_t first = 0; first < n; first += step) run(first, static_cast<int>(std::min(step, n - first)));
  }

  static void require(bool holds, const char* what) {
    if (!holds) throw ArgumentError(std::string(what) + ": the output span has another size.");
  }
  static std::size_t count(std::size_t elements, Dims dims, const char* what) {
    if (elements % dims.size() != 0) {
      throw ArgumentError("The span of " + std::string(what) + " holds " + std::to_string(elements) +
                          " elements, not a multiple of the " + std::to_string(dims.size()) + " that one has.");
    }
    return elements / dims.size();
  }
  static std::vector<scalar> checked(std::vector<scalar> parameters) {
    if (parameters.size() != T::parameter_count) {
      throw ArgumentError("The network has " + std::to_string(T::parameter_count) + " parameters, " +
                          std::to_string(parameters.size()) + " were given.");
    }
    return parameters;
  }
  static int checked(int capacity) {
    if (capacity < 1) throw ArgumentError("A model's capacity is at least 1 image.");
    return capacity;
  }

  mutable std::vector<scalar> parameters_;
  mutable std::function<void(std::span<scalar>)> change_;  // that they lack
  std::uint64_t revision_ = 0;
  int capacity_;
  Program backbone_;
  mutable Program head_;
  mutable bool head_is_stale_ = false;  // parameters have changed since it was packed
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Execution>> idle_;
};

}  // namespace cxrnet

#include <cxrnet/core/ahead.hpp>  // which needs the model whole
