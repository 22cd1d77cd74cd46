// Every distinct graph of VGG16, forward and backward, built and run on the GPU that is here: results against sums in double
// on the host (a sample of them), engines, times; and so the plan that a trial chooses, where that is another. Skips (status 77)
// where there is no GPU. Usage: gpu_plans [--trial PLANS] [BATCH...]   (PLANS a trial has at most, 3 by default)
#include "gpu.hpp"
#include "network.hpp"

#include <cxrnet/backend/cuda/cuda_device.hpp>

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

namespace {

using namespace cxrnet;
using namespace cxrnet::cuda;

/// Numbers on the host as the device has them, rounded to its type; `values` are what they then stand for.
struct Tensor {
  std::vector<float> values;
  std::vector<std::byte> bytes;
};

Tensor rounded(std::vector<float> values, Number number) {
  Tensor t{std::move(values), {}};
  t.bytes.resize(t.values.size() * size_of(number));
  for (std::size_t i = 0; i < t.values.size(); ++i) {
    if (number == Number::half) {
      const __half h = __float2half(t.values[i]);
      std::memcpy(t.bytes.data() + 2 * i, &h, 2);
      t.values[i] = __half2float(h);
    } else if (number == Number::bfloat16) {
      const __nv_bfloat16 h = __float2bfloat16(t.values[i]);
      std::memcpy(t.bytes.data() + 2 * i, &h, 2);
      t.values[i] = __bfloat162float(h);
    } else {
      std::memcpy(t.bytes.data() + 4 * i, &t.values[i], 4);
    }
  }
  return t;
}

float value_at(const std::vector<std::byte>& bytes, std::size_t i, std::size_t size, Number number) {
  float f = 0;
  if (size == 4) {
    std::memcpy(&f, bytes.data() + 4 * i, 4);
  } else if (number == Number::half) {
    __half h;
    std::memcpy(&h, bytes.data() + 2 * i, 2);
    f = __half2float(h);
  } else {
    __nv_bfloat16 h;
    std::memcpy(&h, bytes.data() + 2 * i, 2);
    f = __bfloat162float(h);
  }
  return f;
}

/// Element i of a graph's result, in double, out of its operands' values.
double exact(const Graph& g, const std::vector<Tensor>& operands, std::size_t i) {
  const auto at = [](const Dims& d, int n, int y, int x, int c) {
    return static_cast<std::size_t>(((n * d.height + y) * d.width + x)) * static_cast<std::size_t>(d.channels) + static_cast<std::size_t>(c);
  };
  const auto weight = [&](int k, int r, int s, int c) {
    return static_cast<std::size_t>(((k * g.window.height + r) * g.window.width + s) * g.in.channels + c);
  };
  const auto a = [&](std::size_t k, std::size_t at_) { return static_cast<double>(operands[k].values[at_]); };
  const auto split = [&](const Dims& d, int& n, int& y, int& x, int& c) {
    c = static_cast<int>(i % static_cast<std::size_t>(d.channels));
    const std::size_t pixel = i / static_cast<std::size_t>(d.channels);
    x = static_cast<int>(pixel % static_cast<std::size_t>(d.width));
    y = static_cast<int>(pixel / static_cast<std::size_t>(d.width) % static_cast<std::size_t>(d.height));
    n = static_cast<int>(pixel / static_cast<std::size_t>(d.width) / static_cast<std::size_t>(d.height));
  };
  int n = 0, y = 0, x = 0, c = 0;
  double sum = 0;
  switch (g.pattern) {
    case Pattern::convolution:
      split(g.out, n, y, x, c);
      for (int r = 0; r < g.window.height; ++r) {
        for (int s = 0; s < g.window.width; ++s) {
          const int row = y + r - g.window.pad_top, column = x + s - g.window.pad_left;
          if (row < 0 || column < 0 || row >= g.in.height || column >= g.in.width) continue;
          for (int k = 0; k < g.in.channels; ++k) sum += a(0, at(g.in, n, row, column, k)) * a(1, weight(c, r, s, k));
        }
      }
      if (g.bias) sum += a(2, static_cast<std::size_t>(c));
      return g.relu ? std::max(sum, 0.0) : sum;
    case Pattern::data_gradient:
      split(g.in, n, y, x, c);
      if (g.relu && a(2, i) <= 0) return 0;
      for (int r = 0; r < g.window.height; ++r) {
        for (int s = 0; s < g.window.width; ++s) {
          const int row = y - r + g.window.pad_top, column = x - s + g.window.pad_left;
          if (row < 0 || column < 0 || row >= g.out.height || column >= g.out.width) continue;
          for (int k = 0; k < g.out.channels; ++k) sum += a(0, at(g.out, n, row, column, k)) * a(1, weight(k, r, s, c));
        }
      }
      return sum;
    case Pattern::weight_gradient: {
      const int c_in = static_cast<int>(i % static_cast<std::size_t>(g.in.channels));
      const int s = static_cast<int>(i / static_cast<std::size_t>(g.in.channels)) % g.window.width;
      const int r = static_cast<int>(i / static_cast<std::size_t>(g.in.channels * g.window.width)) % g.window.height;
      const int k = static_cast<int>(i / static_cast<std::size_t>(g.in.channels * g.window.width * g.window.height));
      for (n = 0; n < g.batch; ++n) {
        for (y = 0; y < g.out.height; ++y) {
          for (x = 0; x < g.out.width; ++x) {
            const int row = y + r - g.window.pad_top, column = x + s - g.window.pad_left;
            if (row < 0 || column < 0 || row >= g.in.height || column >= g.in.width) continue;
            sum += a(0, at(g.in, n, row, column, c_in)) * a(1, at(g.out, n, y, x, k));
          }
        }
      }
      return sum;
    }
    case Pattern::bias_gradient:
      for (std::size_t p = i; p < operands[0].values.size(); p += static_cast<std::size_t>(g.out.channels)) sum += a(0, p);
      return sum;
  }
  return sum;
}

/// How far a result may be from the exact one, of the largest: its own rounding, that of products, of sums in f32, a million
/// terms long and by FFT in weight gradients.
double tolerance(const Graph& g) {
  switch (g.number) {
    case Number::half: return 2e-3;
    case Number::bfloat16: return 1.2e-2;
    case Number::tf32: return 2e-3;
    case Number::float32: return g.pattern == Pattern::weight_gradient ? 2e-4 : 2e-5;
  }
  return 0;
}

struct Row {
  bool right = false;
  double error = 0, milliseconds = 0;
};

Row run(cudnnHandle_t handle, const Graph& g, const Plan& plan, std::size_t samples) {
  const std::vector<std::size_t> sizes = g.operand_numbers();
  const std::size_t result_size = g.operand_bytes().back() / sizes.back();
  std::uint32_t state = 7;
  const auto draw = [&state] {  // -1 to 1, by Marsaglia's xorshift: tensors of a hundred million are filled
    state ^= state << 13U;
    state ^= state >> 17U;
    state ^= state << 5U;
    return static_cast<float>(state >> 8U) * 0x1p-23F - 1.0F;
  };
  std::vector<Tensor> operands;
  CudaDevice& device = CudaDevice::current();
  std::vector<Buffer<CudaDevice>> memory;
  std::vector<void*> pointers;
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    const bool result = k + 1 == sizes.size();
    memory.emplace_back(device, g.operand_bytes()[k]);
    pointers.push_back(memory.back().as<void>());
    if (result) continue;
    std::vector<float> values(sizes[k]);
    for (float& v : values) v = draw();
    operands.push_back(rounded(std::move(values), g.number));
    check(cudaMemcpy(pointers.back(), operands.back().bytes.data(), operands.back().bytes.size(), cudaMemcpyHostToDevice), "copying");
  }
  const Buffer<CudaDevice> workspace(device, plan.workspace_bytes);
  execute(handle, plan, pointers, workspace.as<void>());
  check(cudaDeviceSynchronize(), "running a plan");
  std::vector<std::byte> result(sizes.back() * result_size);
  check(cudaMemcpy(result.data(), pointers.back(), result.size(), cudaMemcpyDeviceToHost), "copying back");
  Row row;
  double worst = 0, most = 0;
  const std::size_t step = std::max<std::size_t>(1, sizes.back() / samples) | 1U;
  for (std::size_t i = 0; i < sizes.back(); i += step) {
    const double value = exact(g, operands, i);
    worst = std::max(worst, std::abs(value - static_cast<double>(value_at(result, i, result_size, g.number))));
    most = std::max(most, std::abs(value));
  }
  row.error = worst / most;
  row.right = std::isfinite(worst) && most > 0 && row.error < tolerance(g);
  cudaEvent_t begin = nullptr, end = nullptr;
  check(cudaEventCreate(&begin), "making an event");
  check(cudaEventCreate(&end), "making an event");
  row.milliseconds = 1e30;
  for (int repeat = 0; repeat < 3; ++repeat) {
    constexpr int times = 5;
    check(cudaEventRecord(begin), "recording an event");
    for (int t = 0; t < times; ++t) execute(handle, plan, pointers, workspace.as<void>());
    check(cudaEventRecord(end), "recording an event");
    check(cudaEventSynchronize(end), "waiting for an event");
    float took = 0;
    check(cudaEventElapsedTime(&took, begin, end), "reading an event");
    row.milliseconds = std::min(row.milliseconds, static_cast<double>(took) / times);
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  return row;
}

int run_all(const std::vector<int>& batches, std::size_t plans) {
  if (!test::has_gpu()) return test::skipped;
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, 0), "asking for the GPU's properties");
  std::printf("%s, compute capability %d.%d, cuDNN %zu\n", properties.name, properties.major, properties.minor, cudnn_version());
  cudnnHandle_t handle = nullptr;
  check(cudnnCreate(&handle), "opening a handle");
  const Target target = Target::here(handle);
  CudaDevice& device = CudaDevice::current();
  device.try_plans({.plans = plans});
  int wrong = 0, all = 0, others = 0;
  for (const int batch : batches) {
    for (const Number number : {Number::half, Number::bfloat16, Number::tf32, Number::float32}) {
      std::vector<Graph> graphs = test::graphs_of_network<test::Net<Trainable>, Mode::training>(number, batch);
      std::vector<Graph> distinct;
      test::append_distinct(distinct, graphs);
      double forward[2] = {}, backward[2] = {};  // by the heuristics, by trial
      for (const Graph& g : distinct) {
        ++all;
        const auto times = static_cast<double>(std::ranges::count(graphs, g));
        const auto measure = [&](const Plan& plan) {
          const Row row = run(handle, g, plan, g.pattern == Pattern::weight_gradient ? 60 : 1500);
          std::printf("%-70s %-4s %-50s%s%s workspace %10zu  %8.4f ms %7.1f TFLOP/s  error %.1e %s\n", describe(g).c_str(),
                      plan.tried ? "try" : "", plan.engine.name.c_str(), plan.engine.compiled ? "*" : " ",
                      plan.engine.deterministic() ? " " : "~", plan.workspace_bytes, row.milliseconds, g.flops() / row.milliseconds * 1e-9,
                      row.error, row.right ? "" : "WRONG");
          wrong += row.right ? 0 : 1;
          return row.milliseconds * times;
        };
        try {
          const Plan first = build_plan(g, target);
          const double by_heuristics = measure(first);
          const Plan& tried = device.plan(g);
          const bool other = tried.engine.name != first.engine.name;
          const double by_trial = other ? measure(tried) : by_heuristics;
          others += other ? 1 : 0;
          auto& sums = g.pattern == Pattern::convolution ? forward : backward;
          sums[0] += by_heuristics;
          sums[1] += by_trial;
        } catch (const BackendError& error) {
          ++wrong;
          std::printf("FAILED %s: %s\n", describe(g).c_str(), error.what());
          cudaGetLastError();
        }
        std::fflush(stdout);
      }
      std::printf("== %s, batch %d: all convolutions forward %.3f ms (%.0f images/s), backward %.3f ms; by trial %.3f ms and %.3f ms\n",
                  std::string(name_of(number)).c_str(), batch, forward[0], batch / forward[0] * 1e3, backward[0], forward[1], backward[1]);
    }
  }
  cudnnDestroy(handle);
  std::printf("%d graphs, %d with another plan by trial, %d plans wrong (* compiled at run time, ~ may differ from run to run)\n", all,
              others, wrong);
  return wrong == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  std::vector<int> batches;
  std::size_t plans = 3;  // some engines take seconds to build
  for (int i = 1; i < argc; ++i) {
    if (std::string(argv[i]) == "--trial" && i + 1 < argc) plans = static_cast<std::size_t>(std::max(1, std::atoi(argv[++i])));
    else batches.push_back(std::max(1, std::atoi(argv[i])));
  }
  if (batches.empty()) batches = {4};
  return run_all(batches, plans);
} catch (const std::exception& error) {
  std::fprintf(stderr, "gpu_plans: %s\n", error.what());
  return 1;
}
