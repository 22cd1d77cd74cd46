#include <cxrnet/backend/reference/reference.hpp>
#include <cxrnet/core/model.hpp>
#include <cxrnet/layers/conv2d.hpp>
#include <cxrnet/layers/dense.hpp>
#include <cxrnet/layers/dropout.hpp>
#include <cxrnet/layers/global_average_pool.hpp>
#include <cxrnet/layers/input.hpp>
#include <cxrnet/layers/max_pool.hpp>
#include <cxrnet/layers/residual.hpp>
#include <cxrnet/train/trainer.hpp>

#include "catch.hpp"
#include "network.hpp"

#include <cstdlib>
#include <new>

namespace {
thread_local std::size_t allocations = 0;  // by this thread, in the whole test program
}

[[gnu::noinline]] void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t alignment) {
  ++allocations;
  const auto step = static_cast<std::size_t>(alignment);
  if (void* memory = std::aligned_alloc(step, (bytes + step - 1) / step * step)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(bytes == 0 ? 1 : bytes);
}
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

using namespace cxrnet;
using namespace cxrnet::test;

using Net = Seq<Input<8, 8, 3>, Freeze<Conv2D<4, 3, Same, Relu>, MaxPool<2>>, Residual<Conv2D<4, 3, Same, Relu>>, GAP,
                Dropout<0.5>, Dense<2, Softmax>>;

TEST_CASE("Predicting and training allocate nothing once they have run", "[core_allocations]") {
  Model<Net, Reference<float>> model(4);
  Trainer<Net, Reference<float>> trainer(model);
  const auto images = random_values<float>(7 * Traits<Net>::input.size(), 1);
  std::vector<float> features(7 * Traits<Net>::features.size());
  std::vector<float> probabilities(7 * 2);
  const std::array labels{0, 1, 0, 1};
  const auto step = [&] {
    model.predict(std::span<const float>(images), std::span(probabilities));
    model.features_of_prepared(images, features);
    trainer.step(std::span<const float>(features).first(4 * Traits<Net>::features.size()), labels);
  };
  const std::size_t none = allocations;
  step();
  REQUIRE(allocations > none);  // the first call's context
  const std::size_t before = allocations;
  step();
  step();
  CHECK(allocations == before);
}
