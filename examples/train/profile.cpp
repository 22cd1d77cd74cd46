#include "train/profile.hpp"

#include <cxrnet/report/profile.hpp>

#include <iostream>
#include <string>
#include <vector>

namespace cxrnet::programs {

void print_profile(const Classifier& net, const Profile& frozen, const Profile& trained, double step_seconds) {
  std::vector<LayerTime> rows;
  const auto add = [&](const op::Operation& o, double seconds, double images) {
    const auto& layer = net.description().layers[static_cast<std::size_t>(o.layer)];
    rows.push_back({std::string(layer.name.view()), describe(o), seconds * 1e3, op::flops(o) * images});
  };
  for (std::size_t i = 0; i < frozen.seconds.size(); ++i) add(net.fused()[i], frozen.seconds[i], frozen.images);
  for (std::size_t i = 0; i < trained.seconds.size(); ++i) {
    add(net.trained()[i], trained.seconds[i], trained.images);
    step_seconds -= trained.seconds[i];
  }
  rows.push_back({"all that trains", "loss, backward, optimiser", step_seconds * 1e3, 0});
  std::cout << profile_table(rows);
}

}  // namespace cxrnet::programs
