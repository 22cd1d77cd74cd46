#pragma once
#include <cxrnet/backend/cpu/cpu.hpp>
#include <cxrnet/core/aligned.hpp>
#include <cxrnet/core/initialise.hpp>
#include <cxrnet/core/model.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// A stack of layers as the benchmark takes it: the same network with more and more of a backend's fusions.
namespace cxrnet::fusion {

/// One variant of a stack at a batch, ready to run.
class Run {
 public:
  virtual ~Run() = default;
  /// Runs a whole batch; the profile gets the time of each operation.
  virtual void forward(std::span<const float> input, std::span<float> output, Profile& profile) = 0;
  [[nodiscard]] virtual std::vector<Algorithm> algorithms() const = 0;
};

/// A stack with some fusions.
struct Variant {
  std::string rules;  ///< "unfused", or the rule that is on besides those of the variant before: "+FuseRelu"
  std::span<const op::Operation> operations;
  std::unique_ptr<Run> (*prepare)(int batch, const float* parameters) = nullptr;
};

/// Layers, and the operations of each variant: the first has no fusions, the last all of the backend's.
struct Stack {
  std::string name;
  bool drawn = true;  ///< stands in the plot
  std::span<const LayerInfo> layers;
  std::span<const ParameterInfo> parameters;
  Dims input;
  Dims output;
  std::vector<float> (*initial)(std::uint64_t seed) = nullptr;
  std::vector<Variant> variants;
};

namespace detail {

/// A network on a backend as one program, in inference.
template <class Net, class Backend>
struct Whole {
  using T = Traits<Net>;
  using Operations = Rewrite<Net, Backend, Mode::inference>;
  static_assert(!Operations::operations.empty(), "cxrnet: a network of no operations has nothing to fuse");
  static_assert(T::input_precision == op::Precision::float32, "cxrnet: bench/fusion times stacks in Float32");
  static constexpr auto plan = plan_memory<static_cast<std::size_t>(T::operation_count) + 1>(
      Operations::operations, 0, T::input, &Backend::value_bytes);
  static constexpr ProgramSpec spec{Operations::operations, T::parameters, plan.values, plan.gradients, plan.bytes, 0,
                                    Operations::output, T::input, T::output, Mode::inference};
};

template <class Program>
class ProgramRun : public Run {
 public:
  ProgramRun(const ProgramSpec& spec, int batch, const float* parameters)
      : batch_(batch), program_(spec, batch, parameters), arena_(spec.bytes * static_cast<std::size_t>(batch)),
        workspace_(program_.workspace_bytes()), context_(program_, arena_.data(), workspace_.data()) {}
  void forward(std::span<const float> input, std::span<float> output, Profile& profile) override {
    context_.profile = &profile;
    program_.forward(context_, input.data(), batch_, output.data());
  }
  [[nodiscard]] std::vector<Algorithm> algorithms() const override { return program_.algorithms(); }

 private:
  int batch_;
  Program program_;
  AlignedBytes arena_;
  AlignedBytes workspace_;
  typename Program::Context context_;
};

/// A rule's name without its namespaces: "FuseBias".
template <class Rule>
std::string rule_name() {
  std::string_view name = __PRETTY_FUNCTION__;
  name.remove_prefix(name.find("Rule = ") + 7);
  name = name.substr(0, name.find_first_of(";]"));
  if (const auto colons = name.rfind("::"); colons != std::string_view::npos) name.remove_prefix(colons + 2);
  return std::string(name);
}

/// Adds a variant, unless it has the operations of the one before.
template <class Net, class Backend, class... Taken>
void add_variant(Stack& stack, Rules<Taken...>) {
  using Lowering = Whole<Net, WithRules<Backend, Rules<Taken...>>>;
  std::string rules = "unfused";
  (static_cast<void>(rules = "+" + rule_name<Taken>()), ...);
  const std::span<const op::Operation> operations = Lowering::spec.operations;
  const auto chained = [](const op::Operation& o) { return o.chained; };
  const auto same = [&](std::span<const op::Operation> others) {
    return others.size() == operations.size() && std::ranges::count_if(others, chained) == std::ranges::count_if(operations, chained);
  };
  if (!stack.variants.empty() && same(stack.variants.back().operations)) return;
  stack.variants.push_back({rules, operations, [](int batch, const float* parameters) -> std::unique_ptr<Run> {
                              return std::make_unique<ProgramRun<typename Backend::Program>>(Lowering::spec, batch, parameters);
                            }});
}

template <class Net, class Backend, class... Taken>
void add_variants(Stack& stack, Rules<Taken...> taken, Rules<>) {
  add_variant<Net, Backend>(stack, taken);
}
template <class Net, class Backend, class... Taken, class Next, class... Rest>
void add_variants(Stack& stack, Rules<Taken...> taken, Rules<Next, Rest...>) {
  add_variant<Net, Backend>(stack, taken);
  add_variants<Net, Backend>(stack, Rules<Taken..., Next>{}, Rules<Rest...>{});
}

}  // namespace detail

/// A network as a stack, with none of the backend's rules, the first, the first two, ...
template <class Net, class Backend>
Stack stack_of(std::string name, bool drawn = true) {
  using T = Traits<Net>;
  Stack stack{std::move(name), drawn, T::layers, T::parameters, T::input, T::output, initial_parameters<Net, float>, {}};
  detail::add_variants<Net, Backend>(stack, Rules<>{}, typename Backend::rules{});
  return stack;
}

/// What a program of this benchmark times, on the backend of that name; each program defines it.
std::vector<Stack> stacks(std::string_view backend);

/// `make` called with the backend of that name.
template <class Make>
std::vector<Stack> on_backend(std::string_view backend, Make make) {
  if (backend == "onednn") return make(OneDnn{});
  if (backend == "direct") return make(OneDnnDirect{});
  return make(Cpu{});
}

}  // namespace cxrnet::fusion
