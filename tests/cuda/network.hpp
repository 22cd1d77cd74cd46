#pragma once
#include <cxrnet/backend/cuda/graph.hpp>
#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/models/vgg16.hpp>
#include <cxrnet/op/rules.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The graphs of the reference's network: what the tests build and run.
namespace cxrnet::cuda::test {

using Fusing = Reference<float, Rules<FuseBias, FuseRelu>>;
template <class Training>
using Net = Seq<VGG16Backbone<Training>, GAP, Dense<128, cxrnet::Relu>, Dense<2, cxrnet::Softmax>>;

struct Pass {
  std::string_view name;
  std::vector<Graph> graphs;  ///< each once
};

inline void append_distinct(std::vector<Graph>& to, const std::vector<Graph>& from) {
  for (const Graph& g : from) {
    if (std::ranges::find(to, g) == to.end()) to.push_back(g);
  }
}

/// The graphs of a network in one mode: what is before the cut forward alone, what is behind it both ways.
template <class Network, Mode mode>
std::vector<Graph> graphs_of_network(Number number, int batch) {
  using Lowering = Lowered<Network, Fusing, mode>;
  std::vector<Graph> graphs = graphs_of(Lowering::backbone.operations, number, batch);
  const auto behind = graphs_of(Lowering::head.operations, number, batch);
  graphs.insert(graphs.end(), behind.begin(), behind.end());
  return graphs;
}

/// Forward; training of the head alone, of block 5 too, of everything.
inline std::vector<Pass> passes(Number number, int batch) {
  std::vector<Pass> list;
  const auto add = [&](std::string_view name, const std::vector<Graph>& graphs) {
    list.push_back({name, {}});
    append_distinct(list.back().graphs, graphs);
  };
  add("forward", graphs_of_network<Net<Frozen>, Mode::inference>(number, batch));
  add("head", graphs_of_network<Net<Frozen>, Mode::training>(number, batch));
  add("block5", graphs_of_network<Net<FreezeThrough<4>>, Mode::training>(number, batch));
  add("all", graphs_of_network<Net<Trainable>, Mode::training>(number, batch));
  return list;
}

}  // namespace cxrnet::cuda::test
