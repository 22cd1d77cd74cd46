// Lists the plans that a trial of a few graphs would be made among, for a GPU that is only described: nothing is run.
// Usage: plan_candidates PROPERTIES
#include "network.hpp"

#include <cxrnet/backend/cuda/plan_candidates.hpp>
#include <cxrnet/backend/cuda/trial.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace cxrnet;
using namespace cxrnet::cuda;

std::vector<Plan> candidates(const Graph& g, const Target& target) {
  std::vector<Plan> plans;
  visit_plans(g, target, Nondeterministic::last, [&](Plan plan) { return enter(plans, std::move(plan), {}); });
  return plans;
}

/// What is wrong with a graph's candidates; empty where nothing is.
std::string problem(const std::vector<Plan>& plans, const Target& target) {
  const Graph& g = plans.front().graph;
  const auto name = [](const Plan& plan) { return plan.engine.name; };
  if (build_plan(g, target).engine.name != plans.front().engine.name) return "the first is not the heuristics' own";
  if (!std::ranges::equal(plans, candidates(g, target), {}, name, name)) return "asked again, they are others";
  for (std::size_t k = 0; k < plans.size(); ++k) {
    const Engine& engine = plans[k].engine;
    if (engine.deterministic() != plans.front().engine.deterministic()) return engine.name + " may differ from run to run, others do not";
    if (less_exact(g, engine.notes)) return engine.name + " is less exact than its numbers";
    for (std::size_t j = 0; j < k; ++j) {
      if (plans[j].engine.name == engine.name) return engine.name + " is there twice";
    }
    if (load_plan(g, plans[k].serialised(), target).engine.name != engine.name) return engine.name + " comes back as another";
  }
  return {};
}

int list(const std::string& file) {
  std::ifstream in(file);
  const Target target = Target::described({std::istreambuf_iterator<char>(in), {}});
  int wrong = 0;
  std::size_t several = 0;
  for (const Number number : {Number::half, Number::float32}) {
    // Block 5's: the three patterns of a convolution, and its bias gradient.
    const auto all = test::graphs_of_network<test::Net<FreezeThrough<4>>, Mode::training>(number, 32);
    std::vector<Graph> graphs;
    for (const Graph& g : all) {
      if (g.out.height == 14 && std::ranges::find(graphs, g.pattern, &Graph::pattern) == graphs.end()) graphs.push_back(g);
    }
    for (const Graph& g : graphs) {
      const auto begin = std::chrono::steady_clock::now();
      const auto plans = candidates(g, target);
      const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
      std::printf("%s: %zu plans, built in %.2f s\n", describe(g).c_str(), plans.size(), took.count());
      for (const Plan& plan : plans) {
        std::printf("  %-64s%s%s workspace %zu\n", plan.engine.name.c_str(), plan.engine.compiled ? "*" : " ",
                    plan.engine.deterministic() ? " " : "~", plan.workspace_bytes);
      }
      several += plans.size() > 1 ? 1U : 0U;
      const std::string what = problem(plans, target);
      if (what.empty()) continue;
      ++wrong;
      std::printf("WRONG: %s\n", what.c_str());
    }
  }
  return wrong == 0 && several > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::fprintf(stderr, "usage: plan_candidates PROPERTIES\n");
    return 2;
  }
  return list(argv[1]);
} catch (const std::exception& error) {
  std::fprintf(stderr, "plan_candidates: %s\n", error.what());
  return 1;
}
