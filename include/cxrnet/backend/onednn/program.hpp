#pragma once
#include <cxrnet/backend/onednn/algorithm_book.hpp>
#include <cxrnet/backend/program.hpp>

#include <cstddef>
#include <memory>
#include <vector>

namespace cxrnet::onednn {

class Primitives;

/// A list of operations as oneDNN primitives and our own convolutions (what trains or is frozen), and loops on plain NHWC
/// (all else). An interface alone: no unit that runs a network need compile what is behind it; see cmake/compiled.cmake.
class Program {
 public:
  class Context;

  /// Settles layouts, algorithms, packed weights and workspace. BackendError where an operation is not to be had.
  Program(const ProgramSpec& spec, int batch, const float* parameters, Algorithms algorithms);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  /// Packs the weights that some primitive wants in a layout of its own.
  void update();
  [[nodiscard]] int batch() const;
  [[nodiscard]] std::size_t workspace_bytes() const;
  [[nodiscard]] std::size_t packed_bytes() const;
  [[nodiscard]] std::vector<Algorithm> algorithms() const;

  /// Runs n <= batch images; the rest of the batch is computed along as zeros.
  void forward(Context& context, const void* input, int n, float* output) const;
  /// Writes the gradients of what trains; `forward` of the same n images came before.
  void backward(Context& context, int n, const float* seed, float* gradients) const;

 private:
  std::unique_ptr<Primitives> primitives_;
};

/// One thread's view of a program: oneDNN memory over its part of the arena, made once.
class Program::Context : public CallSettings {
 public:
  Context(const Program& program, std::byte* arena, std::byte* workspace);
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context();

 private:
  friend class Program;
  struct Memory;
  std::unique_ptr<Memory> memory_;
};

}  // namespace cxrnet::onednn

#ifndef CXRNET_COMPILED
#include <cxrnet/backend/onednn/program.inl>
#endif
