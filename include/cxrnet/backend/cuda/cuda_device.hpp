#pragma once
#include <cxrnet/backend/cuda/cuda.hpp>
#include <cxrnet/backend/cuda/launch.hpp>
#include <cxrnet/backend/cuda/plan_candidates.hpp>
#include <cxrnet/backend/cuda/plan_files.hpp>
#include <cxrnet/backend/cuda/trial.hpp>

#include <cuda_runtime.h>

#include <atomic>
#include <cstddef>
#include <exception>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

// The GPU that is here. Programs that include this compile kernels.cu along.
namespace cxrnet::cuda {

/// BackendError unless a call of CUDA succeeded.
inline void check(cudaError_t status, const char* doing) {
  if (status == cudaSuccess) return;
  throw BackendError(std::string("CUDA failed ") + doing + ": " + cudaGetErrorString(status) + ".");
}

/// A GPU: see device.hpp. Safe to use from several threads, each with queues of its own.
class CudaDevice {
 public:
  /// The first GPU, opened by the first call. BackendError says what was found where it does not suffice.
  static CudaDevice& current() {
    static auto* const device = new CudaDevice(0);  // never closed: CUDA itself ends before static objects do
    return *device;
  }

  void* allocate(std::size_t bytes) {
    void* data = nullptr;
    const cudaError_t status = cudaMalloc(&data, bytes);
    if (status == cudaSuccess) return data;
    cudaGetLastError();
    if (status != cudaErrorMemoryAllocation) cuda::check(status, "allocating memory");
    std::size_t free = 0, all = 0;
    cudaMemGetInfo(&free, &all);
    throw BackendError("The GPU '" + name_ + "' has no room for " + std::to_string(bytes >> 20U) + " MiB more: " +
                       std::to_string(free >> 20U) + " of its " + std::to_string(all >> 20U) +
                       " MiB are free; take a smaller batch, or end other programs that use it.");
  }
  void release(void* data) noexcept { cudaFree(data); }

  class Queue {
   public:
    explicit Queue(CudaDevice&) { cuda::check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "making a stream"); }
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;
    ~Queue() {
      if (handle_ != nullptr) cudnnDestroy(handle_);
      cudaStreamDestroy(stream_);
    }
    [[nodiscard]] cudaStream_t stream() const { return stream_; }

   private:
    friend class CudaDevice;
    /// cuDNN's, made when it is first needed: a queue of copies needs none.
    cudnnHandle_t handle() {
      if (handle_ == nullptr) cuda::check(cudnnCreate(&handle_), "opening a handle");
      if (!streamed_) cuda::check(cudnnSetStream(handle_, stream_), "giving a handle its stream");
      streamed_ = true;
      return handle_;
    }
    cudaStream_t stream_ = nullptr;
    cudnnHandle_t handle_ = nullptr;
    bool streamed_ = false;
  };

  /// Memory that the system does not move, so that copies from and to it run beside other work.
  class HostBuffer {
   public:
    HostBuffer() = default;
    HostBuffer(CudaDevice&, std::size_t bytes) { cuda::check(cudaMallocHost(&data_, bytes), "allocating memory of the host"); }
    HostBuffer(HostBuffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
    HostBuffer& operator=(HostBuffer&& other) noexcept {
      std::swap(data_, other.data_);
      return *this;
    }
    ~HostBuffer() {
      if (data_ != nullptr) cudaFreeHost(data_);
    }
    [[nodiscard]] std::byte* data() { return static_cast<std::byte*>(data_); }

   private:
    void* data_ = nullptr;
  };

  class Event {
   public:
    explicit Event(CudaDevice&, unsigned flags = cudaEventDisableTiming) {
      cuda::check(cudaEventCreateWithFlags(&event_, flags), "making an event");
    }
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;
    ~Event() { cudaEventDestroy(event_); }

   private:
    friend class CudaDevice;
    cudaEvent_t event_ = nullptr;
  };

  /// A CUDA graph.
  class Recording {
   public:
    Recording() = default;
    Recording(const Recording&) = delete;
    Recording& operator=(const Recording&) = delete;
    ~Recording() { clear(); }
    void clear() {
      if (graph_ != nullptr) cudaGraphExecDestroy(graph_);
      graph_ = nullptr;
      state_ = State::fresh;
    }

   private:
    friend class CudaDevice;
    enum class State { fresh, has_run, recorded, refused };
    State state_ = State::fresh;
    cudaGraphExec_t graph_ = nullptr;
  };

  struct Plan : cuda::Plan {
    explicit Plan(cuda::Plan plan)
        : cuda::Plan(std::move(plan)), name("cudnn" + std::to_string(cudnn_version()) + ":" + engine.name) {}
    std::string name;
  };

  void upload(Queue& queue, void* to, const void* from, std::size_t bytes) {
    upload_later(queue, to, from, bytes);
    wait(queue);
  }
  void download(Queue& queue, void* to, const void* from, std::size_t bytes) {
    download_later(queue, to, from, bytes);
    wait(queue);
  }
  void upload_later(Queue& queue, void* to, const void* from, std::size_t bytes) {
    cuda::check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, queue.stream_), "copying to the GPU");
  }
  void download_later(Queue& queue, void* to, const void* from, std::size_t bytes) {
    cuda::check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, queue.stream_), "copying from the GPU");
  }
  void record(Queue& queue, Event& event) { cuda::check(cudaEventRecord(event.event_, queue.stream_), "recording an event"); }
  void wait(Queue& queue, const Event& event) { cuda::check(cudaStreamWaitEvent(queue.stream_, event.event_, 0), "ordering two streams"); }
  void wait(const Event& event) { cuda::check(cudaEventSynchronize(event.event_), "waiting for an event"); }
  void wait(Queue& queue) { cuda::check(cudaStreamSynchronize(queue.stream_), "running what it was given"); }

  template <class Kernel>
  void launch(Queue& queue, const Kernel& kernel) {
    launch_kernel(kernel, queue.stream_);
    cuda::check(cudaGetLastError(), "launching a kernel");
  }

  const Plan& plan(const Graph& graph) {
    const std::lock_guard lock(mutex_);
    const std::string key = describe(graph);
    if (const auto found = plans_.find(key); found != plans_.end()) return found->second;
    const Target target = Target::here(builder_->handle());
    auto found = files_ ? files_->find(graph, plans_key(), target) : std::nullopt;
    if (found && trial_ && !found->tried) found.reset();  // the heuristics' choice, to be replaced by the trial's
    const bool kept = found.has_value();
    Plan made(kept ? std::move(*found) : trial_ ? tried_plan(graph, target) : build_plan(graph, target, choice(graph)));
    if (files_ && !kept) files_->keep(made, plans_key());
    return plans_.emplace(key, std::move(made)).first->second;
  }
  void execute(Queue& queue, const Plan& plan, std::span<void* const> operands, void* workspace) {
    const std::lock_guard lock(executing_);  // cuDNN 9's plans are not safe to give from several threads at once
    cuda::execute(queue.handle(), plan, operands, workspace);
  }

  /// Runs it as it is the first time, for cuDNN loads what it needs when a plan first runs, which cannot be recorded; records
  /// it the second time. What cannot be recorded at all is run as it is, and counted.
  template <class Work>
  void replay(Queue& queue, Recording& recording, Work work) {
    using State = Recording::State;
    if (recording.state_ == State::has_run) {
      recording.state_ = record(queue, recording, work) ? State::recorded : State::refused;
      if (recording.state_ == State::refused) ++refused_recordings_;
    }
    if (recording.state_ == State::recorded) {
      cuda::check(cudaGraphLaunch(recording.graph_, queue.stream_), "launching a recorded step");
      return;
    }
    work();
    if (recording.state_ == State::fresh) recording.state_ = State::has_run;
  }

  [[nodiscard]] const std::string& name() const { return name_; }
  /// How often something could not be recorded.
  [[nodiscard]] int refused_recordings() const { return refused_recordings_; }
  /// From here on plans come from a folder where it has them, and go there where it has not. FileError where nothing can be
  /// written to it.
  void keep_plans(const std::filesystem::path& folder) {
    const std::lock_guard lock(mutex_);
    files_.emplace(folder);
  }
  /// From here on a graph's plan is chosen by a trial on the device, unless its folder has one that a trial chose. Another plan
  /// changes last bits, and another trial may choose another one: keep them, `keep_plans`.
  void try_plans(const Trial& trial = {}) {
    const std::lock_guard lock(mutex_);
    trial_ = trial;
  }

  /// From here on engines whose results may differ from run to run are taken for gradients as others are, and plans kept apart.
  void allow_nondeterministic() {
    const std::lock_guard lock(mutex_);
    choice_ = Nondeterministic::allowed;
  }

  /// Seconds on the device of what work() gives a queue; returns when it is done.
  template <class Work>
  double seconds(Queue& queue, Work work) {
    Event begin(*this, cudaEventDefault), end(*this, cudaEventDefault);
    try {
      record(queue, begin);
      work();
      record(queue, end);
      wait(end);
      float milliseconds = 0;
      cuda::check(cudaEventElapsedTime(&milliseconds, begin.event_, end.event_), "reading a time");
      return static_cast<double>(milliseconds) * 1e-3;
    } catch (const BackendError&) {
      cudaGetLastError();  // seen to: the next check is of what comes next
      throw;
    }
  }

 private:
  explicit CudaDevice(int index) {
    const auto version = [](int v) { return std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10); };
    int driver = 0, runtime = 0, count = 0;
    cudaDriverGetVersion(&driver);
    cudaRuntimeGetVersion(&runtime);
    const cudaError_t found = cudaGetDeviceCount(&count);
    if (found != cudaSuccess || index >= count) {
      throw BackendError("There is no GPU that can be used: " +
                         (found == cudaSuccess ? "none is installed" : std::string(cudaGetErrorString(found))) + ". This program needs CUDA " +
                         version(runtime) + "; the driver that was found supports " + (driver == 0 ? "none" : version(driver)) + ".");
    }
    cuda::check(cudaSetDevice(index), "choosing a GPU");
    cudaDeviceProp properties{};
    cuda::check(cudaGetDeviceProperties(&properties, index), "asking for a GPU's properties");
    name_ = properties.name;
    key_ = gpu_key(name_, properties.major * 100 + properties.minor * 10, properties.multiProcessorCount, driver);
    if (properties.major < 8) {
      throw BackendError("The GPU '" + name_ + "' has compute capability " + std::to_string(properties.major) + "." +
                         std::to_string(properties.minor) + "; 8.0 or later is needed.");
    }
    if (cudnn_version() < 90800) {
      throw BackendError("cuDNN 9.8 or later is needed; " + std::to_string(cudnn_version()) + " was found.");
    }
    const cudaError_t status = find_kernels();
    if (status == cudaErrorNoKernelImageForDevice || status == cudaErrorInvalidDeviceFunction || status == cudaErrorUnsupportedPtxVersion) {
      cudaGetLastError();
      throw BackendError("This program has no code for the GPU '" + name_ + "' of compute capability " + std::to_string(properties.major) +
                         "." + std::to_string(properties.minor) + ": compile it with that in CMAKE_CUDA_ARCHITECTURES (" +
                         cudaGetErrorString(status) + ").");
    }
    cuda::check(status, "looking for its kernels");
    builder_.emplace(*this).handle();
  }

  template <class Work>
  static bool record(Queue& queue, Recording& recording, Work work) {
    if (cudaStreamBeginCapture(queue.stream_, cudaStreamCaptureModeThreadLocal) != cudaSuccess) {
      cudaGetLastError();
      return false;
    }
    bool given = true;
    std::exception_ptr other;
    try {
      work();
    } catch (const BackendError&) {
      given = false;
    } catch (...) {
      other = std::current_exception();
    }
    cudaGraph_t graph = nullptr;
    const bool captured = cudaStreamEndCapture(queue.stream_, &graph) == cudaSuccess && given && !other;
    const bool made = captured && cudaGraphInstantiate(&recording.graph_, graph, 0) == cudaSuccess;
    if (!made) recording.graph_ = nullptr;
    if (graph != nullptr) cudaGraphDestroy(graph);
    cudaGetLastError();  // what could not be recorded has been seen to
    if (other) std::rethrow_exception(other);
    return made;
  }

  cuda::Plan tried_plan(const Graph& graph, const Target& target) {
    std::vector<Plan> plans;
    visit_plans(graph, target, choice(graph), [&](cuda::Plan plan) { return enter(plans, Plan(std::move(plan)), *trial_); });
    cuda::Plan& chosen = plans[quickest_plan(*this, *builder_, graph, plans, *trial_)];
    chosen.tried = true;
    return std::move(chosen);
  }

  /// A map that is computed again must come out the same, whatever gradients may do.
  [[nodiscard]] Nondeterministic choice(const Graph& graph) const {
    return graph.pattern == Pattern::convolution ? Nondeterministic::last : choice_;
  }
  [[nodiscard]] std::string plans_key() const {
    return choice_ == Nondeterministic::allowed ? key_ + ", nondeterministic engines too" : key_;
  }

  std::string name_, key_;
  Nondeterministic choice_ = Nondeterministic::last;
  std::mutex mutex_, executing_;
  std::atomic<int> refused_recordings_ = 0;
  std::optional<PlanFiles> files_;
  std::optional<Trial> trial_;
  std::optional<Queue> builder_;  // whose handle plans are built with
  std::map<std::string, Plan> plans_;
};

}  // namespace cxrnet::cuda

namespace cxrnet {

/// The GPU that is here: `Cuda<Half>`, `Cuda<Bf16>`, `Cuda<Tf32>` or `Cuda<Float>`.
template <class Numbers>
using Cuda = CudaOn<Numbers, cuda::CudaDevice>;

}  // namespace cxrnet
