// The CUDA runtime's functions that the backend calls, for the stand-in GPU, with the rules that CUDA documents for them.
#include "gpu.hpp"

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace {

using standin::Access;
using standin::Gpu;

thread_local cudaError_t last = cudaSuccess;
thread_local CUstream_st* capturing = nullptr;  // by this thread

cudaError_t said(cudaError_t error) {
  if (error != cudaSuccess) last = error;
  return error;
}

/// Calls act(gpu) on the GPU where there is one and it works.
template <class Act>
cudaError_t on_gpu(Act act) {
  Gpu& gpu = Gpu::here();
  const std::lock_guard lock(gpu.mutex);
  if (gpu.properties.empty()) return said(cudaErrorNoDevice);
  if (gpu.broken()) return said(cudaErrorIllegalAddress);
  const cudaError_t error = act(gpu);
  return said(gpu.broken() ? cudaErrorIllegalAddress : error);
}

/// The same of what a thread that captures may not call.
template <class Act>
cudaError_t outside_captures(Act act) {
  return on_gpu([&](Gpu& gpu) {
    if (capturing == nullptr) return act(gpu);
    capturing->capture->broken = true;
    return cudaErrorStreamCaptureUnsupported;
  });
}

cudaError_t copy(Gpu& gpu, void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, CUstream_st* stream) {
  const bool up = kind == cudaMemcpyHostToDevice;
  if (!up && kind != cudaMemcpyDeviceToHost) return cudaErrorInvalidMemcpyDirection;
  const void* const there = up ? to : from;
  const void* const host = up ? from : to;
  if (bytes == 0) return cudaSuccess;
  if (!gpu.on_device(there, bytes) || gpu.touches_device(host)) return cudaErrorInvalidValue;
  standin::Work work{up ? "a copy to the GPU" : "a copy from the GPU", {{there, bytes, up ? Access::write : Access::read}}, {}};
  if (gpu.pinned(host, bytes)) {
    work.run = [to, from, bytes] { std::memcpy(to, from, bytes); };
    gpu.give(stream, std::move(work));
    return cudaSuccess;
  }
  if (stream->capture != nullptr) {  // what becomes of it is not CUDA's to say
    stream->capture->broken = true;
    return cudaErrorStreamCaptureUnsupported;
  }
  if (up) {  // it is read before the call returns
    const std::shared_ptr<std::byte[]> own(new std::byte[bytes]);
    std::memcpy(own.get(), from, bytes);
    work.run = [to, own, bytes] { std::memcpy(to, own.get(), bytes); };
    gpu.give(stream, std::move(work));
    return cudaSuccess;
  }
  work.run = [to, from, bytes] { std::memcpy(to, from, bytes); };
  gpu.give(stream, std::move(work));
  gpu.complete(stream);
  return cudaSuccess;
}

std::map<const void*, std::string>& device_names() {
  static auto* const names = new std::map<const void*, std::string>;
  return *names;
}
struct Configuration {
  dim3 grid, block;
  std::size_t shared = 0;
  void* stream = nullptr;
};
thread_local Configuration configuration;

cudaError_t launch(const void* function, dim3 grid, dim3 block, void** arguments, std::size_t shared, cudaStream_t given) {
  return on_gpu([&](Gpu& gpu) {
    CUstream_st* const stream = gpu.stream(given);
    if (capturing != nullptr && capturing != stream) return cudaErrorStreamCaptureUnsupported;
    if (grid.x == 0 || grid.x > 2147483647U || grid.y != 1 || grid.z != 1 || block.x == 0 || block.x > 1024 || shared > 48U << 10U) {
      return cudaErrorInvalidConfiguration;
    }
    const auto name = device_names().find(function);
    if (name == device_names().end()) return cudaErrorInvalidDeviceFunction;
    auto launched = standin::prepare(name->second, arguments);
    if (!launched) return cudaErrorInvalidDeviceFunction;
    gpu.give(stream, {name->second, std::move(launched->operands), [run = std::move(launched->run), grid, block] { run(grid, block); }});
    return cudaSuccess;
  });
}

}  // namespace

extern "C" {

// What nvcc makes of kernels and their launches.
void** __cudaRegisterFatBinary(void*) {
  static void* handle = nullptr;
  return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterFunction(void**, const char* host, char*, const char* device_name, int, uint3*, uint3*, dim3*, dim3*, int*) {
  device_names()[host] = device_name;
}
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, std::size_t shared, CUstream_st* stream) {
  configuration = {grid, block, shared, stream};
  return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, std::size_t* shared, void* stream) {
  *grid = configuration.grid;
  *block = configuration.block;
  *shared = configuration.shared;
  *static_cast<void**>(stream) = configuration.stream;
  return cudaSuccess;
}
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* host) {
  *kernel = reinterpret_cast<cudaKernel_t>(const_cast<void*>(host));
  return cudaSuccess;
}
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments, std::size_t shared, cudaStream_t stream) {
  return launch(kernel, grid, block, arguments, shared, stream);
}
cudaError_t cudaLaunchKernel(const void* function, dim3 grid, dim3 block, void** arguments, std::size_t shared, cudaStream_t stream) {
  return launch(function, grid, block, arguments, shared, stream);
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes*, const void* function) {
  return on_gpu([&](Gpu&) { return device_names().contains(function) ? cudaSuccess : cudaErrorInvalidDeviceFunction; });
}

// The GPU.
cudaError_t cudaDriverGetVersion(int* version) {
  *version = Gpu::here().driver;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = CUDART_VERSION;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  return on_gpu([&](Gpu&) {
    *count = 1;
    return cudaSuccess;
  });
}
cudaError_t cudaSetDevice(int device) {
  return on_gpu([&](Gpu&) { return device == 0 ? cudaSuccess : cudaErrorInvalidDevice; });
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return on_gpu([&](Gpu& gpu) {
    *properties = gpu.described;
    return device == 0 ? cudaSuccess : cudaErrorInvalidDevice;
  });
}
cudaError_t cudaDeviceSynchronize() {
  return outside_captures([](Gpu& gpu) {
    gpu.complete_all();
    return cudaSuccess;
  });
}
cudaError_t cudaGetLastError() {
  const cudaError_t error = std::exchange(last, cudaSuccess);
  return Gpu::here().broken() ? cudaErrorIllegalAddress : error;
}
const char* cudaGetErrorString(cudaError_t error) {
  static thread_local std::string text;
  text = error == cudaErrorNoDevice ? "no CUDA-capable device is detected" : "error " + std::to_string(static_cast<int>(error)) + " of the stand-in GPU";
  return text.c_str();
}

// Memory.
cudaError_t cudaMalloc(void** data, std::size_t bytes) {
  return outside_captures([&](Gpu& gpu) {
    *data = gpu.allocate(bytes);
    return *data == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
  });
}
cudaError_t cudaFree(void* data) {
  return outside_captures([&](Gpu& gpu) {
    gpu.complete_all();
    return data == nullptr || gpu.release(data) ? cudaSuccess : cudaErrorInvalidValue;
  });
}
cudaError_t cudaMallocHost(void** data, std::size_t bytes) {
  return outside_captures([&](Gpu& gpu) {
    *data = gpu.allocate_host(bytes);
    return *data == nullptr ? cudaErrorMemoryAllocation : cudaSuccess;
  });
}
cudaError_t cudaFreeHost(void* data) {
  return outside_captures([&](Gpu& gpu) {
    gpu.complete_all();
    return data == nullptr || gpu.release_host(data) ? cudaSuccess : cudaErrorInvalidValue;
  });
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* all) {
  return on_gpu([&](Gpu& gpu) {
    *free = gpu.free_bytes();
    *all = gpu.described.totalGlobalMem;
    return cudaSuccess;
  });
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  return outside_captures([&](Gpu& gpu) {
    const cudaError_t error = copy(gpu, to, from, bytes, kind, gpu.stream(nullptr));
    gpu.complete(gpu.stream(nullptr));
    return error;
  });
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return on_gpu([&](Gpu& gpu) { return copy(gpu, to, from, bytes, kind, gpu.stream(stream)); });
}

// Streams and events.
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  return on_gpu([&](Gpu& gpu) {
    if (flags != cudaStreamNonBlocking) return cudaErrorNotSupported;
    *stream = gpu.make_stream();
    return cudaSuccess;
  });
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  return on_gpu([&](Gpu& gpu) {
    gpu.end_stream(stream);
    return cudaSuccess;
  });
}
cudaError_t cudaStreamSynchronize(cudaStream_t given) {
  return outside_captures([&](Gpu& gpu) {
    gpu.complete(gpu.stream(given));
    return cudaSuccess;
  });
}
cudaError_t cudaStreamWaitEvent(cudaStream_t given, cudaEvent_t event, unsigned) {
  return on_gpu([&](Gpu& gpu) {
    CUstream_st* const stream = gpu.stream(given);
    if (stream->capture != nullptr) {
      stream->capture->broken = true;
      return cudaErrorStreamCaptureIsolation;
    }
    if (event->stream != nullptr) gpu.give_task(stream, {.work = {}, .behind = event->stream, .until = event->at});
    return cudaSuccess;
  });
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  return on_gpu([&](Gpu&) {
    *event = new CUevent_st{.timed = (flags & cudaEventDisableTiming) == 0};
    return cudaSuccess;
  });
}
cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, cudaEventDefault); }
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  return on_gpu([&](Gpu& gpu) {
    gpu.forget(event);
    delete event;
    return cudaSuccess;
  });
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t given) {
  return on_gpu([&](Gpu& gpu) {
    CUstream_st* const stream = gpu.stream(given);
    if (stream->capture != nullptr) {
      stream->capture->broken = true;
      return cudaErrorStreamCaptureUnsupported;
    }
    gpu.forget(event);
    event->stream = stream;
    event->at = stream->given + 1;
    gpu.give_task(stream, {.work = {}, .reached = event});
    return cudaSuccess;
  });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return outside_captures([&](Gpu& gpu) {
    if (event->stream != nullptr) gpu.complete(event->stream, event->at);
    return cudaSuccess;
  });
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  return on_gpu([&](Gpu&) {
    for (const CUevent_st* event : {begin, end}) {
      if (event->stream == nullptr || !event->timed) return cudaErrorInvalidResourceHandle;
      if (event->stream->done < event->at) return cudaErrorNotReady;
    }
    *milliseconds = static_cast<float>((end->seconds - begin->seconds) * 1e3);
    return cudaSuccess;
  });
}

// Graphs.
cudaError_t cudaStreamBeginCapture(cudaStream_t given, cudaStreamCaptureMode mode) {
  return on_gpu([&](Gpu& gpu) {
    CUstream_st* const stream = gpu.stream(given);
    if (given == nullptr || stream->capture != nullptr) return cudaErrorIllegalState;
    if (mode != cudaStreamCaptureModeThreadLocal || capturing != nullptr) return cudaErrorNotSupported;
    stream->capture = new CUgraph_st;
    capturing = stream;
    return cudaSuccess;
  });
}
cudaError_t cudaStreamEndCapture(cudaStream_t given, cudaGraph_t* graph) {
  return on_gpu([&](Gpu& gpu) {
    CUstream_st* const stream = gpu.stream(given);
    if (stream->capture == nullptr || capturing != stream) return cudaErrorIllegalState;
    capturing = nullptr;
    *graph = std::exchange(stream->capture, nullptr);
    if (!(*graph)->broken) return cudaSuccess;
    delete std::exchange(*graph, nullptr);
    return cudaErrorStreamCaptureInvalidated;
  });
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* made, cudaGraph_t graph, unsigned long long) {
  return on_gpu([&](Gpu&) {
    *made = new CUgraphExec_st{{graph->work, false}};
    return cudaSuccess;
  });
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  delete graph;
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t given) {
  return on_gpu([&](Gpu& gpu) {
    CUstream_st* const stream = gpu.stream(given);
    if (stream->capture != nullptr) return cudaErrorStreamCaptureUnsupported;
    for (const standin::Work& work : graph->work) gpu.give(stream, work);
    return cudaSuccess;
  });
}

}  // extern "C"
