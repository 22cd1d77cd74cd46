// What the stand-in GPU finds wrong, and what CUDA promises of it: calls of the runtime, each with what must come of it.
#include "gpu.hpp"

#include <cxrnet/backend/cuda/launch.hpp>
#include <cxrnet/backend/cuda/map_kernels.hpp>
#include <cxrnet/backend/cuda/vector_kernels.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using cxrnet::cuda::AddRelu;
using cxrnet::cuda::launch_kernel;

int wrong = 0;
void require(bool holds, const char* what) {
  std::printf("%-7s%s\n", holds ? "" : "WRONG", what);
  wrong += holds ? 0 : 1;
}

/// How a child that does this ends: its exit status, and what it says on stderr.
std::pair<int, std::string> end_of(const std::function<void()>& act) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return {-1, {}};
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 2);
    act();
    _exit(0);
  }
  close(ends[1]);
  std::string said;
  std::array<char, 256> part{};
  for (ssize_t n = 0; (n = read(ends[0], part.data(), part.size())) > 0;) said.append(part.data(), static_cast<std::size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, said};
}

constexpr std::size_t count = 1000, bytes = count * sizeof(float);
float* floats_on_gpu() {
  void* data = nullptr;
  cudaMalloc(&data, bytes);
  return static_cast<float*>(data);
}
cudaStream_t stream() {
  cudaStream_t made = nullptr;
  cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking);
  return made;
}
AddRelu<float> copying(const float* from, float* to) { return {count, false, from, nullptr, to}; }

}  // namespace

int main() {
  float* const a = floats_on_gpu();
  float* const b = floats_on_gpu();
  const cudaStream_t work = stream(), copies = stream();
  std::vector<float> host(count, 3);
  void* pinned = nullptr;
  cudaMallocHost(&pinned, bytes);
  auto* const kept = static_cast<float*>(pinned);

  // Copies, kernels, events, graphs: what a program builds on.
  require(cxrnet::cuda::find_kernels() == cudaSuccess, "kernels are found");
  require(cudaMemcpyAsync(a, host.data(), bytes, cudaMemcpyHostToDevice, work) == cudaSuccess, "what is not pinned is copied");
  host.assign(count, 0);  // after that it is the host's again
  launch_kernel(copying(a, b), work);
  require(cudaMemcpyAsync(host.data(), b, bytes, cudaMemcpyDeviceToHost, work) == cudaSuccess && host.back() == 3, "and comes back through a kernel");
  cudaEvent_t uploaded = nullptr;
  cudaEventCreateWithFlags(&uploaded, cudaEventDisableTiming);
  require(cudaEventSynchronize(uploaded) == cudaSuccess, "an event that was never recorded is over");
  kept[count - 1] = 5;
  cudaMemcpyAsync(a, kept, bytes, cudaMemcpyHostToDevice, copies);
  cudaEventRecord(uploaded, copies);
  cudaStreamWaitEvent(work, uploaded, 0);
  launch_kernel(copying(a, b), work);
  cudaMemcpyAsync(host.data(), b, bytes, cudaMemcpyDeviceToHost, work);
  require(host.back() == 5, "a stream that waits for an event is behind what came before it");
  float milliseconds = 0;
  require(cudaEventElapsedTime(&milliseconds, uploaded, uploaded) != cudaSuccess, "an event without timing has no time");
  require(cudaStreamBeginCapture(work, cudaStreamCaptureModeThreadLocal) == cudaSuccess, "a capture begins");
  launch_kernel(copying(b, a), work);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t made = nullptr;
  require(cudaStreamEndCapture(work, &graph) == cudaSuccess && cudaGraphInstantiate(&made, graph, 0) == cudaSuccess, "and is a graph");
  host.assign(count, 7);
  cudaMemcpyAsync(b, host.data(), bytes, cudaMemcpyHostToDevice, work);
  cudaGraphLaunch(made, work);
  cudaMemcpyAsync(host.data(), a, bytes, cudaMemcpyDeviceToHost, work);
  require(host.back() == 7, "which runs on what is there when it is launched");
  cudaGraphExecDestroy(made);
  cudaGraphDestroy(graph);

  // What a program must not do.
  const auto ends = [](int status, std::string_view words, const std::function<void()>& act) {
    const auto [ended, said] = end_of(act);
    return ended == status && said.find(words) != std::string::npos;
  };
  require(ends(139, "the host touched memory of the device", [&] { *const_cast<volatile float*>(a) = 1; }), "the host touches the device's memory");
  require(ends(139, "touched memory that it does not name", [&] {
            auto small = copying(a, b);
            standin::Gpu& gpu = standin::Gpu::here();
            gpu.give(gpu.stream(work), {"work", {{a, bytes, standin::Access::read}}, [small] { small(0); }});
            cudaStreamSynchronize(work);
          }), "work touches memory that it does not name");
  require(ends(1, "no longer", [&] {
            cudaFree(b);
            launch_kernel(copying(a, b), work);
            _exit(cudaStreamSynchronize(work) == cudaSuccess ? 0 : 1);
          }), "a kernel touches memory that was given back");
  require(ends(1, "", [&] {
            kept[0] = 1;
            cudaMemcpyAsync(a, kept, bytes, cudaMemcpyHostToDevice, work);
            kept[0] = 2;  // before it was copied
            cudaMemcpyAsync(host.data(), a, bytes, cudaMemcpyDeviceToHost, work);
            _exit(host[0] == 1 ? 0 : 1);
          }), "pinned memory changes on its way");
  require(ends(1, "", [&] {
            host.assign(count, 1);
            cudaMemcpyAsync(a, host.data(), bytes, cudaMemcpyHostToDevice, copies);
            cudaMemcpyAsync(host.data(), a, bytes, cudaMemcpyDeviceToHost, work);  // without an event between
            _exit(host[0] == 1 ? 0 : 1);
          }), "two streams are not ordered");
  for (const bool freed : {false, true}) {
    cudaStreamBeginCapture(work, cudaStreamCaptureModeThreadLocal);
    const cudaError_t error = freed ? cudaStreamSynchronize(work) : cudaMemcpyAsync(a, host.data(), bytes, cudaMemcpyHostToDevice, work);
    require(error != cudaSuccess && cudaStreamEndCapture(work, &graph) != cudaSuccess && graph == nullptr,
            freed ? "the host waits within a capture" : "memory that is not pinned is copied within a capture");
    require(cudaGetLastError() != cudaSuccess && cudaGetLastError() == cudaSuccess, "the last error is said once");
  }
  require(cudaMalloc(&pinned, std::size_t{1} << 50U) == cudaErrorMemoryAllocation, "there is no room");
  require(cudaMemcpyAsync(host.data(), kept, bytes, cudaMemcpyDeviceToHost, work) != cudaSuccess, "memory of the host is none of the device's");
  return wrong == 0 ? 0 : 1;
}
