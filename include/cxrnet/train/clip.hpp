#pragma once

namespace cxrnet {

/// What is held within a limit: nothing; each element of the gradients (Keras's clipvalue); the norm of each parameter's
/// gradient (clipnorm); or the norm of all of them together (global_clipnorm).
enum class ClipBy { nothing, value, norm, global_norm };

/// Gradient clipping, before the optimiser.
struct Clip {
  ClipBy by = ClipBy::nothing;
  double limit = 1;
};

}  // namespace cxrnet
