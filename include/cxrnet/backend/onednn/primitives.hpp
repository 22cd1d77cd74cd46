#pragma once
#include <cxrnet/backend/onednn/backward.hpp>
#include <cxrnet/backend/onednn/host.hpp>
#include <cxrnet/backend/program.hpp>
#include <cxrnet/core/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

namespace cxrnet::onednn {

/// What onednn::Program is behind its interface: layouts, algorithms, packed weights and workspace, settled when it is built.
class Primitives {
 public:
  class Context;

  /// `only` is for trials: the algorithm of each convolution that our own Winograd computes.
  Primitives(const ProgramSpec& spec, int batch, const float* parameters, Algorithms algorithms,
             std::optional<ConvolutionAlgorithm> only = {})
      : spec_(spec), parameters_(parameters), build_(spec, batch, algorithms) {
    build_.only = only;
    build_.blocked = build_.automatic &&
                     std::any_of(spec.operations.begin(), spec.operations.end(), [&](const op::Operation& o) {
                       return o.kind == op::Kind::convolution && o.precision == op::Precision::float32 &&
                              algorithm_of(build_, o) != ConvolutionAlgorithm::direct;
                     });
    std::vector<int> kept(spec.operations.size(), -1);
    for (std::size_t i = 0; i < kept.size(); ++i) {
      forward_.push_back(built(spec.operations[i], [&](const op::Operation& o) { return forward_step(build_, o, kept[i]); }));
    }
    for (std::size_t i = kept.size(); i-- > 0;) {
      if (!spec.operations[i].backward()) continue;
      backward_.push_back(built(spec.operations[i], [&](const op::Operation& o) { return backward_step(build_, o, kept[i]); }));
    }
    const bool plain_output = forward_.empty() || build_.layout(spec.output) == plain(spec.output_dims, batch);
    if (!plain_output || holds_bytes(spec, spec.output)) {
      const Operand result = build_.keep(plain(spec.output_dims, batch));
      output_place_ = result.index;
      if (!plain_output) forward_.back().calls.push_back(build_.reorder(build_.value(spec.output), result));
      if (!backward_.empty()) throw BackendError("The oneDNN backend trains networks whose output is a vector.");
    }
    if (backward_.empty() && !build_.compact) find_chains();
    build_.scratch_bytes = Build::rounded(build_.scratch_bytes);
    const bool stores = build_.store != nullptr && !build_.compact && !build_.fused.empty() && !only;
    const std::string key = stores ? build_.store->key_of(packed_from()) : std::string();
    if (stores && take_stored(key)) return;
    update();
    if (stores) store(key);
  }

  /// Packs the weights that some primitive wants in a layout of its own.
  void update() {
    pack_others();
    if (build_.compact) return;
    for (FusedWeights& weights : build_.fused) {
      weights.stored.reset();
      if (weights.packed.size() == 0) weights.packed = AlignedBytes(weights.bytes(), Fill::none);
      pack(weights, weights.packed.data());
    }
  }

  /// Of what is not our own Winograd's.
  void pack_others() {
    dnnl::stream stream(cpu());
    for (Packed& packed : build_.packed) {
      const ParameterInfo& info = spec_.parameters[static_cast<std::size_t>(packed.parameter)];
      dnnl::memory logical(packed.logical, cpu(), const_cast<float*>(parameters_ + info.offset));
      dnnl::reorder(logical, packed.memory).execute(stream, logical, packed.memory);
    }
    stream.wait();
    for (QuantizedConvolution& convolution : build_.quantized) {
      convolution.pack(quantized(spec_, *convolution.operation, parameters_));
    }
  }

  [[nodiscard]] int batch() const { return build_.batch; }
  [[nodiscard]] std::size_t workspace_bytes() const {
    return build_.scratch_bytes + build_.kept_bytes + static_cast<std::size_t>(build_.areas) * build_.staging_bytes;
  }
  [[nodiscard]] std::size_t packed_bytes() const {
    std::size_t bytes = 0;
    for (const Packed& packed : build_.packed) bytes += packed.memory.get_desc().get_size();
    for (const FusedWeights& weights : build_.fused) bytes += build_.compact ? 0 : weights.bytes();
    for (const QuantizedConvolution& convolution : build_.quantized) bytes += convolution.packed.size();
    return bytes;
  }
  [[nodiscard]] std::vector<Algorithm> algorithms() const {
    std::vector<Algorithm> list;
    for (const Step& step : forward_) {
      list.push_back({step.operation->layer, describe(*step.operation),
                      step.quantized ? build_.quantized[*step.quantized].name() : step.algorithm});
    }
    for (const Step& step : backward_) {
      list.push_back({step.operation->layer, "backward of " + describe(*step.operation), step.algorithm});
    }
    return list;
  }

  /// Runs n <= batch images; the rest of the batch is computed along as zeros.
  void forward(Context& context, const void* input, int n, float* output) const;

  /// Writes the gradients of what trains; `forward` of the same n images came before.
  void backward(Context& context, int n, const float* seed, float* gradients) const;

 private:
  friend class Context;

  /// Gives what forward step i made of n images to the context's observer.
  void show(Context& context, std::size_t i, int n) const;
  /// A map of bytes as plain floats.
  void dequantize(Context& context, int value, Dims dims, int scale, int n, float* to) const;

  void pack(const FusedWeights& weights, std::byte* packed) const {
    const ParameterInfo& info = spec_.parameters[static_cast<std::size_t>(weights.parameter)];
    weights.convolution.pack(parameters_ + info.offset, reinterpret_cast<float*>(packed), weights.pass);
  }

  /// Runs a step's convolution of our own.
  void run_fused(Context& context, const Step& step, int n) const;
  /// What our own Winograd's weights are packed from, for a store.
  [[nodiscard]] PackedFrom packed_from() const;
  /// Takes packed weights from the store that there is; false where it has none.
  bool take_stored(const std::string& key);
  void store(const std::string& key) const;
  [[nodiscard]] cpu::ChainLink link_of(Context& context, const Step& step) const;
  void find_chains();
  /// Runs a chain's steps; false where one after the other is faster, for so many images.
  bool run_chain(Context& context, const ChainedSteps& steps, int n) const;

  /// Runs forward step i; the rows behind the n-th are the batch's zeros.
  void run_forward(Context& context, std::size_t i, int n) const;

  /// What `build` makes of an operation; its refusal as a sentence.
  template <class Make>
  Step built(const op::Operation& o, Make make) {
    try {
      return make(o);
    } catch (const dnnl::error& error) {
      throw BackendError(version() + " cannot build " + describe(o) + " of layer " + std::to_string(o.layer) + ": " +
                         error.what() + ".");
    }
  }

  ProgramSpec spec_;
  const float* parameters_;
  Build build_;
  std::vector<Step> forward_;
  std::vector<Step> backward_;
  std::vector<ChainedSteps> chains_;
  int output_place_ = -1;  ///< where the output lies as plain NHWC, if its value is in another layout
};

/// One thread's view of a program: oneDNN memory over its part of the arena, made once.
class Primitives::Context : public CallSettings {
 public:
  Context(const Primitives& program, std::byte* arena, std::byte* workspace)
      : program_(&program), arena_(arena), workspace_(workspace), stream_(cpu()) {
    bind(program.forward_, forward_);
    bind(program.backward_, backward_);
  }

 private:
  friend class Primitives;
  using Arguments = std::unordered_map<int, dnnl::memory>;
  enum class Way { forward, backward };
  struct Gradient {
    std::size_t step, call;
    int argument;
    std::size_t offset;
  };

  [[nodiscard]] float* at(const Slot& slot) const {
    return reinterpret_cast<float*>(arena_ + slot.offset * static_cast<std::size_t>(program_->batch()));
  }
  [[nodiscard]] float* value(int number) const {
    return at(program_->spec_.values[static_cast<std::size_t>(number)]);
  }
  [[nodiscard]] float* gradient(int number) const {
    return at(program_->spec_.gradients[static_cast<std::size_t>(number)]);
  }
  [[nodiscard]] const float* output() const {
    const int place = program_->output_place_;
    return place < 0 ? value(program_->spec_.output) : reinterpret_cast<const float*>(kept(place));
  }
  /// Where a host step reads its k-th input: the value itself, or its plain copy.
  [[nodiscard]] const float* plain_input(const Step& step, int k) const {
    const auto which = static_cast<std::size_t>(k);
    return step.staged[which] ? reinterpret_cast<const float*>(staging(k)) : value(step.operation->inputs[which]);
  }
  [[nodiscard]] std::byte* kept(int place) const {
    return workspace_ + program_->build_.scratch_bytes + static_cast<std::size_t>(place) * arena_alignment;
  }
  [[nodiscard]] std::byte* staging(int k) const {
    const Build& build = program_->build_;
    return workspace_ + build.scratch_bytes + build.kept_bytes + static_cast<std::size_t>(k) * build.staging_bytes;
  }

  [[nodiscard]] void* locate(const Operand& operand) const {
    switch (operand.where) {
      case Where::value: return value(operand.index);
      case Where::gradient: return gradient(operand.index);
      case Where::staging: return staging(operand.index);
      case Where::scratch: return workspace_;
      case Where::kept: return kept(operand.index);
      case Where::packed: return program_->build_.packed[static_cast<std::size_t>(operand.index)].memory.get_data_handle();
      case Where::parameter:
        return const_cast<float*>(program_->parameters_ +
                                  program_->spec_.parameters[static_cast<std::size_t>(operand.index)].offset);
      case Where::parameter_gradient: return nullptr;
    }
    return nullptr;
  }

  void bind(const std::vector<Step>& steps, std::vector<std::vector<Arguments>>& bound) {
    for (std::size_t s = 0; s < steps.size(); ++s) {
      auto& calls = bound.emplace_back();
      for (std::size_t c = 0; c < steps[s].calls.size(); ++c) {
        auto& arguments = calls.emplace_back();
        for (const auto& [argument, operand] : steps[s].calls[c].operands) {
          arguments.emplace(argument, dnnl::memory(operand.desc, cpu(), locate(operand)));
          if (operand.where == Where::parameter_gradient) {
            const auto& info = program_->spec_.parameters[static_cast<std::size_t>(operand.index)];
            gradients_.push_back({s, c, argument, info.gradient});
          }
        }
      }
    }
  }

  /// Runs a step's calls from one to before another.
  void execute(const Step& step, const std::vector<Arguments>& arguments, std::size_t from, std::size_t to) {
    for (std::size_t c = from; c < to; ++c) {
      const Stopwatch borders(profile != nullptr && step.calls[c].border ? &profile->borders : nullptr);
      step.calls[c].primitive.execute(stream_, arguments[c]);
    }
    if (from < to) stream_.wait();
  }

  /// Runs a step's call for exactly n images, made when it is first asked for, and sets the other rows to zero.
  void execute_exact(Way way, std::size_t index, const Step& step, int n, float* gradients) {
    auto& call = exact_[{way, index, n}];
    if (!call) {
      call.emplace(step.exact(n));
      if (call->scratch_bytes() > program_->build_.scratch_bytes) {
        throw BackendError(version() + " wants more workspace for a smaller batch than for a whole one.");
      }
    }
    Arguments arguments;
    for (const auto& [argument, operand] : call->operands) {
      const bool gradient = operand.where == Where::parameter_gradient;
      const auto& info = program_->spec_.parameters[gradient ? static_cast<std::size_t>(operand.index) : 0];
      arguments.emplace(argument, dnnl::memory(operand.desc, cpu(), gradient ? gradients + info.gradient : locate(operand)));
    }
    call->primitive.execute(stream_, arguments);
    stream_.wait();
    const auto batch = static_cast<std::size_t>(program_->batch());
    const std::size_t row = step.rest.desc.get_size() / sizeof(float) / batch;
    std::fill_n(static_cast<float*>(locate(step.rest)) + static_cast<std::size_t>(n) * row,
                (batch - static_cast<std::size_t>(n)) * row, 0.0F);
  }

  const Primitives* program_;
  std::byte* arena_;
  std::byte* workspace_;
  dnnl::stream stream_;
  std::map<std::tuple<Way, std::size_t, int>, std::optional<Call>> exact_;
  std::vector<std::vector<Arguments>> forward_;
  std::vector<std::vector<Arguments>> backward_;
  std::vector<Gradient> gradients_;
};

inline cpu::ChainLink Primitives::link_of(Context& context, const Step& step) const {
  const FusedConvolution& fused = *step.fused;
  const auto parameter = [&](int number) { return parameters_ + spec_.parameters[static_cast<std::size_t>(number)].offset; };
  const float* const bias = fused.bias < 0 ? nullptr : parameter(fused.bias);
  if (!fused.weights) return {&fused.convolution, parameter(step.operation->kernel), bias};
  const FusedWeights& weights = build_.fused[*fused.weights];
  if (!build_.compact) return {&fused.convolution, reinterpret_cast<const float*>(weights.data()), bias};
  std::byte* const packed = context.workspace_ + weights.convolution.scratch_bytes();
  pack(weights, packed);
  return {&fused.convolution, reinterpret_cast<const float*>(packed), bias};
}

inline void Primitives::run_fused(Context& context, const Step& step, int n) const {
  const cpu::ChainLink link = link_of(context, step);
  const auto* const x = static_cast<const float*>(context.locate(step.fused->from));
  auto* const y = static_cast<float*>(context.locate(step.fused->to));
  std::visit([&](const auto& convolution) { convolution.run(n, x, link.kernel, link.bias, y, context.workspace_); },
             *link.convolution);
}

inline PackedFrom Primitives::packed_from() const {
  PackedFrom from;
  for (const FusedWeights& weights : build_.fused) {
    const cpu::WinogradShape& shape = weights.convolution.shape();
    const ParameterInfo& info = spec_.parameters[static_cast<std::size_t>(weights.parameter)];
    from.layouts += fused_name() + (weights.pass == cpu::WinogradPass::forward ? " forward " : " data gradient ") +
                    std::to_string(shape.in) + " to " + std::to_string(shape.out) + '\n';
    from.parameters.emplace_back(parameters_ + info.offset, info.parameter.size());
  }
  return from;
}

inline bool Primitives::take_stored(const std::string& key) {
  std::size_t bytes = 0;
  for (const FusedWeights& weights : build_.fused) bytes += weights.bytes();
  const auto found = build_.store->find(key, bytes);
  if (found == nullptr) return false;
  pack_others();
  const std::byte* next = found.get();
  for (FusedWeights& weights : build_.fused) {
    weights.stored = {found, next};
    next += weights.bytes();
  }
  return true;
}

inline void Primitives::store(const std::string& key) const {
  std::vector<std::span<const std::byte>> packed;
  for (const FusedWeights& weights : build_.fused) packed.emplace_back(weights.data(), weights.bytes());
  build_.store->keep(key, packed);
}

inline void Primitives::find_chains() {
  const auto alone = [&](std::size_t i) { return forward_[i].fused && forward_[i].calls.empty(); };
  for (std::size_t i = 0; i < forward_.size(); ++i) {
    std::size_t last = i;
    while (forward_[last].operation->chained && last - i + 1 < cpu::Chain::most && alone(last) && alone(last + 1)) ++last;
    if (last == i) continue;
    std::vector<cpu::ChainStage> stages;
    for (std::size_t k = i; k <= last; ++k) {
      const op::Operation& o = *forward_[k].operation;
      const std::size_t scratch =
          std::visit([](const auto& convolution) { return convolution.row_scratch_bytes(); }, forward_[k].fused->convolution);
      stages.push_back({o.in.width, o.out.channels, op::flops(o), scratch});
    }
    const cpu::Chain chain(stages, forward_[i].operation->in.height, thread_count());
    build_.scratch_bytes = std::max(build_.scratch_bytes, chain.scratch_bytes());
    chains_.push_back({i, last, chain});
    i = last;
  }
}

inline bool Primitives::run_chain(Context& context, const ChainedSteps& steps, int n) const {
  const auto parts = steps.chain.parts(n);
  if (!parts) return false;
  std::array<cpu::ChainLink, cpu::Chain::most> links{};
  for (std::size_t i = steps.first; i <= steps.last; ++i) links[i - steps.first] = link_of(context, forward_[i]);
  const auto count = steps.last - steps.first + 1;
  const op::Operation& first = *forward_[steps.first].operation;
  const op::Operation& last = *forward_[steps.last].operation;
  const cpu::ChainMaps maps{static_cast<const float*>(context.locate(forward_[steps.first].fused->from)), first.in.size(),
                            first.in.height, static_cast<float*>(context.locate(forward_[steps.last].fused->to)),
                            last.out.size(), last.out.height};
  std::array<double, cpu::Chain::most> seconds{};
  double elapsed = 0;
  {
    const Stopwatch watch(&elapsed);
    steps.chain.run(n, *parts, std::span(links).first(count), maps, context.workspace_,
                    context.profile == nullptr ? std::span<double>() : std::span(seconds).first(count));
  }
  if (context.profile == nullptr) return true;
  // The time that passed, shared out by what the threads spent on each.
  const double all = std::accumulate(seconds.begin(), seconds.end(), 0.0);
  for (std::size_t k = 0; k < count; ++k) context.profile->seconds[steps.first + k] += elapsed * seconds[k] / all;
  return true;
}

inline void Primitives::run_forward(Context& context, std::size_t i, int n) const {
  const Step& step = forward_[i];
  const op::Operation& o = *step.operation;
  if (step.quantized) {
    const QuantizedConvolution& convolution = build_.quantized[*step.quantized];
    const auto* x = reinterpret_cast<const std::uint8_t*>(context.value(o.inputs[0]));
    if (o.scale_in < 0) {
      auto* const image = reinterpret_cast<std::uint8_t*>(context.staging(0));
      cpu::bytes_from_image(convolution.direct.shape().from, n, x, image, static_cast<std::size_t>(thread_count()));
      x = image;
    }
    convolution.run(n, x, reinterpret_cast<std::uint8_t*>(context.value(o.output)), context.workspace_);
    return;
  }
  for (std::size_t k = 0; k < step.dequantized.size(); ++k) {
    if (step.dequantized[k] < 0) continue;
    float* const to = reinterpret_cast<float*>(context.staging(step.dequantized[k]));
    dequantize(context, o.inputs[k], o.in, o.scale_in, n, to);
    const auto all = static_cast<std::size_t>(build_.batch) * o.in.size();
    std::fill(to + static_cast<std::size_t>(n) * o.in.size(), to + all, 0.0F);
  }
  const std::size_t after = std::min(step.after_host, step.calls.size());
  context.execute(step, context.forward_[i], 0, after);
  if (step.exact) context.execute_exact(Context::Way::forward, i, step, n, nullptr);
  // Where nothing goes backward, nobody reads the rows behind the n-th.
  if (step.fused) run_fused(context, step, backward_.empty() ? n : build_.batch);
  if (step.blocked_bias) {
    add_blocked_bias(o.in, build_.batch, context.value(o.inputs[0]),
                     parameters_ + spec_.parameters[static_cast<std::size_t>(o.bias)].offset, context.value(o.output));
  }
  if (step.host) {
    run_on_host(o, build_.batch, context.dropout, parameters_, spec_.parameters,
                {context.plain_input(step, 0), o.input_count() > 1 ? context.plain_input(step, 1) : nullptr},
                context.value(o.output));
  }
  context.execute(step, context.forward_[i], after, step.calls.size());
}

inline void Primitives::dequantize(Context& context, int value, Dims dims, int scale, int n, float* to) const {
  const auto& info = spec_.parameters[static_cast<std::size_t>(scale)];
  cpu::dequantize(cpu::byte_map(dims), n, reinterpret_cast<const std::uint8_t*>(context.value(value)),
                  {parameters_ + info.offset, info.parameter.size()}, to);
}

inline void Primitives::show(Context& context, std::size_t i, int n) const {
  const op::Operation& o = *forward_[i].operation;
  std::vector<float> shown(static_cast<std::size_t>(build_.batch) * o.out.size());
  if (build_.bytes[static_cast<std::size_t>(o.output)] != 0) {
    dequantize(context, o.output, o.out, o.scale, n, shown.data());
  } else {
    const dnnl::memory from(build_.layout(o.output), cpu(), context.value(o.output));
    dnnl::memory to(plain(o.out, build_.batch), cpu(), shown.data());
    dnnl::reorder(from, to).execute(context.stream_, const_cast<dnnl::memory&>(from), to);
    context.stream_.wait();
  }
  (*context.observer)(o, n, std::span(shown).first(static_cast<std::size_t>(n) * o.out.size()));
}

inline void Primitives::forward(Context& context, const void* input, int n, float* output) const {
  const auto count = static_cast<std::size_t>(n);
  const std::size_t image = spec_.input_dims.size() * (spec_.input_precision == op::Precision::int8 ? 1 : sizeof(float));
  // Rows behind the n-th are zero: what an older batch left there might be NaN, which no zero gradient undoes.
  auto* const first = reinterpret_cast<std::byte*>(context.value(spec_.input));
  std::memcpy(first, input, count * image);
  std::memset(first + count * image, 0, (static_cast<std::size_t>(build_.batch) - count) * image);
  try {
    auto chain = chains_.begin();
    for (std::size_t i = 0; i < forward_.size(); ++i) {
      // Who looks at what lies between wants it whole.
      if (chain != chains_.end() && chain->first == i) {
        const ChainedSteps& steps = *chain++;
        if (context.observer == nullptr && run_chain(context, steps, n)) {
          i = steps.last;
          continue;
        }
      }
      Profile* const profile = context.profile;
      const double borders = profile == nullptr ? 0 : profile->borders;
      {
        const Stopwatch operation(profile == nullptr ? nullptr : &profile->seconds[i]);
        run_forward(context, i, n);
      }
      if (profile != nullptr) profile->seconds[i] -= profile->borders - borders;
      if (context.observer != nullptr) show(context, i, n);
    }
  } catch (const dnnl::error& error) {
    throw BackendError(std::string("oneDNN failed while running the network: ") + error.what() + ".");
  }
  if (context.profile != nullptr) context.profile->images += build_.batch;
  if (!forward_.empty() && build_.bytes[static_cast<std::size_t>(spec_.output)] != 0) {
    dequantize(context, spec_.output, spec_.output_dims, forward_.back().operation->scale, n,
               reinterpret_cast<float*>(context.kept(output_place_)));
  }
  if (output != nullptr) std::copy_n(context.output(), count * spec_.output_dims.size(), output);
}

inline void Primitives::backward(Context& context, int n, const float* seed, float* gradients) const {
  const auto count = static_cast<std::size_t>(n) * spec_.output_dims.size();
  float* const start = context.gradient(spec_.output);
  std::copy_n(seed, count, start);
  // No gradient comes from the rows behind the n-th.
  std::fill_n(start + count, static_cast<std::size_t>(build_.batch - n) * spec_.output_dims.size(), 0.0F);
  for (const ParameterInfo& p : spec_.parameters) {
    if (p.changes()) std::fill_n(gradients + p.gradient, p.parameter.size(), 0.0F);
  }
  for (const auto& g : context.gradients_) {
    context.backward_[g.step][g.call].at(g.argument).set_data_handle(gradients + g.offset);
  }
  try {
    for (std::size_t i = 0; i < backward_.size(); ++i) {
      const Step& step = backward_[i];
      const op::Operation& o = *step.operation;
      op::for_each_recomputed(spec_.operations, static_cast<std::size_t>(&o - spec_.operations.data()),
                              [&](std::size_t k) { run_forward(context, k, n); });
      const auto has = [&](int v) { return v >= 0 && spec_.gradients[static_cast<std::size_t>(v)].bytes != 0; };
      const bool logits = context.seed == Seed::logits && o.output == spec_.output;
      float* const staged = reinterpret_cast<float*>(context.staging(Build::staging_areas - 1));
      const HostGradient host{context.plain_input(step, 0), context.value(o.output), context.gradient(o.output),
                              step.result_staged ? staged : has(o.inputs[0]) ? context.gradient(o.inputs[0]) : nullptr,
                              gradients};
      const std::size_t after = std::min(step.after_host, step.calls.size());
      if (!logits) activation_backward(o, build_.batch, host);
      context.execute(step, context.backward_[i], 0, after);
      if (step.exact) context.execute_exact(Context::Way::backward, i, step, n, gradients);
      if (step.fused) run_fused(context, step, build_.batch);
      run_backward_on_host(o, build_.batch, context.dropout, parameters_, spec_.parameters, host);
      context.execute(step, context.backward_[i], after, step.calls.size());
    }
  } catch (const dnnl::error& error) {
    throw BackendError(std::string("oneDNN failed while computing gradients: ") + error.what() + ".");
  }
}

}  // namespace cxrnet::onednn
