#pragma once
#include "result.hpp"
#include "stack.hpp"

namespace cxrnet::fusion {

struct Effort {
  int rounds = 5;      ///< of each stack, one run of each variant at least
  double seconds = 1;  ///< for each stack, at least
};

/// Runs a stack's variants in turn. Throws BackendError where they do not give the same.
StackResult measure(const Stack& stack, int batch, const Effort& effort);

}  // namespace cxrnet::fusion
