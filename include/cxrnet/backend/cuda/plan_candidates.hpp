#pragma once
#include <cxrnet/backend/cuda/plan.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

// The plans that cuDNN has for a graph.
namespace cxrnet::cuda {

/// Whether an engine with these notes computes less exactly than `Number` says: it sums in less than f32, or rounds the operands
/// of strict f32. A bias gradient has no products: its engines bear the notes of the family, and their sums are tested to be
/// sums of f32.
inline bool less_exact(const Graph& graph, std::span<const cudnnBackendNumericalNote_t> notes) {
  if (graph.pattern == Pattern::bias_gradient) return false;
  return std::ranges::any_of(notes, [&](cudnnBackendNumericalNote_t note) {
    const bool rounds = note == CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS || note == CUDNN_NUMERICAL_NOTE_TENSOR_CORE;
    return note == CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION || (rounds && graph.number == Number::float32);
  });
}

/// Whether engines whose results may differ from run to run are taken: only where there is no other, or at once.
enum class Nondeterministic { last, allowed };

namespace detail {

struct Suggestion {
  Descriptor config;
  Engine engine;
};

/// What cuDNN's heuristics suggest in one of their modes, the best first.
inline std::vector<Suggestion> suggested(const Described& described, cudnnBackendHeurMode_t mode, const Target& target) {
  Descriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, described.graph)
      .set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, mode)
      .set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, target.properties())
      .finalize("asking for engines");
  std::int64_t count = 0;
  check(cudnnBackendGetAttribute(heuristics.raw(), CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, 0, &count, nullptr),
        "counting engines");
  std::vector<Suggestion> suggestions;
  for (Descriptor& config : heuristics.descriptors(CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, count)) {
    Engine engine(config);
    suggestions.push_back({std::move(config), std::move(engine)});
  }
  return suggestions;
}

}  // namespace detail

/// Visits a graph's plans for a GPU, those that build of what cuDNN's heuristics suggest (modes A, B, then fallback), each
/// engine with the same knobs once, as long as visit(Plan) returns true: each is built when its turn comes. None is less_exact;
/// `choice` says whether there are some whose results may differ from run to run beside others.
/// BackendError, with cuDNN's reason, where there is none at all.
template <class Visit>
void visit_plans(const Graph& graph, const Target& target, Nondeterministic choice, Visit visit) {
  const detail::Described described = detail::describe_to_cudnn(graph);
  std::set<std::string> seen;
  std::vector<Descriptor> unsteady;
  std::string reason;
  bool any = false, more = true;
  const auto build = [&](const Descriptor& config) {
    std::optional<Plan> plan;
    try {
      Descriptor made(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
      made.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, config)
          .set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, target.properties())
          .finalize("building a plan");
      plan.emplace(graph, std::move(made));
    } catch (const BackendError& error) {
      reason = error.what();
      return;
    }
    any = true;
    more = visit(std::move(*plan));
  };
  for (const cudnnBackendHeurMode_t mode : {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B, CUDNN_HEUR_MODE_FALLBACK}) {
    std::vector<detail::Suggestion> suggestions;
    try {
      suggestions = detail::suggested(described, mode, target);
    } catch (const BackendError& error) {
      reason = error.what();
    }
    for (auto& [config, engine] : suggestions) {
      if (less_exact(graph, engine.notes) || !seen.insert(engine.name).second) continue;
      if (!engine.deterministic() && choice == Nondeterministic::last) unsteady.push_back(std::move(config));
      else build(config);
      if (!more) return;
    }
  }
  if (any) return;
  for (const Descriptor& config : unsteady) {
    build(config);
    if (!more) return;
  }
  if (any) return;
  throw BackendError("cuDNN " + std::to_string(cudnn_version()) + " has no engine for " + describe(graph) + " on this GPU: " +
                     (reason.empty() ? "many are compiled when they are asked for, which needs NVRTC (libnvrtc), found beside cuDNN or by "
                                       "the system, and a driver."
                                     : reason));
}

/// The first of a graph's plans.
inline Plan build_plan(const Graph& graph, const Target& target, Nondeterministic choice = Nondeterministic::last) {
  std::optional<Plan> first;
  visit_plans(graph, target, choice, [&](Plan plan) {
    first.emplace(std::move(plan));
    return false;
  });
  return std::move(*first);
}

}  // namespace cxrnet::cuda
