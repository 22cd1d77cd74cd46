// What program.hpp and algorithm_book.hpp declare. Included by program.hpp; or, with CXRNET_COMPILED, by compiled.cpp alone.
#include <cxrnet/backend/onednn/program.hpp>
#include <cxrnet/backend/onednn/trial.hpp>

#ifdef CXRNET_COMPILED
#define CXRNET_DEFINED
#else
#define CXRNET_DEFINED inline
#endif

namespace cxrnet::onednn {

struct Program::Context::Memory {
  Primitives::Context context;
};

CXRNET_DEFINED Program::Context::Context(const Program& program, std::byte* arena, std::byte* workspace)
    : memory_(std::make_unique<Memory>(Memory{{*program.primitives_, arena, workspace}})) {}
CXRNET_DEFINED Program::Context::~Context() = default;

CXRNET_DEFINED Program::Program(const ProgramSpec& spec, int batch, const float* parameters, Algorithms algorithms)
    : primitives_(std::make_unique<Primitives>(spec, batch, parameters, algorithms)) {}
CXRNET_DEFINED Program::~Program() = default;
CXRNET_DEFINED void Program::update() { primitives_->update(); }
CXRNET_DEFINED int Program::batch() const { return primitives_->batch(); }
CXRNET_DEFINED std::size_t Program::workspace_bytes() const { return primitives_->workspace_bytes(); }
CXRNET_DEFINED std::size_t Program::packed_bytes() const { return primitives_->packed_bytes(); }
CXRNET_DEFINED std::vector<Algorithm> Program::algorithms() const { return primitives_->algorithms(); }

CXRNET_DEFINED void Program::forward(Context& context, const void* input, int n, float* output) const {
  static_cast<CallSettings&>(context.memory_->context) = context;
  primitives_->forward(context.memory_->context, input, n, output);
}
CXRNET_DEFINED void Program::backward(Context& context, int n, const float* seed, float* gradients) const {
  static_cast<CallSettings&>(context.memory_->context) = context;
  primitives_->backward(context.memory_->context, n, seed, gradients);
}

CXRNET_DEFINED ConvolutionAlgorithm AlgorithmBook::choose(const op::Operation& o, int batch) {
  using enum ConvolutionAlgorithm;
  const std::string key = choice_key(o, batch);
  if (const auto given = choices_.find(key); given != choices_.end()) {
    for (const auto algorithm : {winograd, onednn_winograd, direct}) {
      if (given->second != name_of(algorithm)) continue;
      if (algorithm != onednn_winograd || onednn::winograd(unpooled(o), batch)) return algorithm;
      throw BackendError("The algorithm 'onednn_winograd', chosen for " + key + ", is not to be had from " + version() +
                         " on this processor: choose another, or leave this one out.");
    }
    throw BackendError("'" + given->second + "', chosen for " + key +
                       ", is no algorithm: there are winograd, onednn_winograd and direct.");
  }
  auto fastest = winograd;
  double best = std::numeric_limits<double>::infinity();
  for (const auto algorithm : {winograd, onednn_winograd, direct}) {
    const auto seconds = trial(o, batch, algorithm);
    if (!seconds || *seconds >= best) continue;
    best = *seconds;
    fastest = algorithm;
  }
  choices_.emplace(key, name_of(fastest));
  ++tried_;
  return fastest;
}

}  // namespace cxrnet::onednn

#undef CXRNET_DEFINED
