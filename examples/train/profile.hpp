#pragma once
#include <cxrnet/backend/program.hpp>
#include <cxrnet/train/classifier_interface.hpp>

namespace cxrnet::programs {

/// Prints the time by layer: the frozen ones, the forward of those that train, and what their steps took besides.
void print_profile(const Classifier& net, const Profile& frozen, const Profile& trained, double step_seconds);

}  // namespace cxrnet::programs
