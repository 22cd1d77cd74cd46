// cuDNN on the stand-in GPU: plans are cuDNN's own, built for the GPU that is described; what they compute is done here, by sums in
// float, out of the operations and tensors that the plan itself lists.
#include "gpu.hpp"
#include "graph_run.hpp"

#include <cudnn.h>
#include <nlohmann/json.hpp>

#include <dlfcn.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>

struct cudnnContext {
  cudaStream_t stream = nullptr;
};

namespace {

using standin::Gpu;

/// cuDNN's own function.
template <class Function>
Function* own(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

struct Pack {
  std::vector<std::int64_t> numbers;
  std::vector<void*> pointers;
  void* workspace = nullptr;
};
std::map<cudnnBackendDescriptor_t, Pack> packs;
std::map<cudnnBackendDescriptor_t, std::shared_ptr<const standin::GraphRun>> runs;  // of plans

std::string text_of(cudnnBackendDescriptor_t plan) {
  std::int64_t count = 0;
  if (cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, 0, &count, nullptr) != CUDNN_STATUS_SUCCESS) return {};
  std::string text(static_cast<std::size_t>(count), '\0');
  cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, count, &count, text.data());
  text.resize(std::strlen(text.c_str()));
  return text;
}

}  // namespace

extern "C" {

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  *handle = new cudnnContext;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  delete handle;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor, cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, std::int64_t count, const void* values) {
  Gpu& gpu = Gpu::here();
  const std::lock_guard lock(gpu.mutex);
  static auto* const set = own(&cudnnBackendSetAttribute, "cudnnBackendSetAttribute");
  if (name == CUDNN_ATTR_DEVICEPROP_HANDLE) {
    return set(descriptor, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
               static_cast<std::int64_t>(gpu.properties.size()) + 1, gpu.properties.c_str());
  }
  const auto size = static_cast<std::size_t>(count);
  if (name == CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS) {
    const auto* const numbers = static_cast<const std::int64_t*>(values);
    packs[descriptor].numbers.assign(numbers, numbers + size);
  } else if (name == CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS) {
    auto* const* const pointers = static_cast<void* const*>(values);
    packs[descriptor].pointers.assign(pointers, pointers + size);
  } else if (name == CUDNN_ATTR_VARIANT_PACK_WORKSPACE) {
    packs[descriptor].workspace = *static_cast<void* const*>(values);
  }
  return set(descriptor, name, type, count, values);
}

cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  static auto* const destroy = own(&cudnnBackendDestroyDescriptor, "cudnnBackendDestroyDescriptor");
  {
    const std::lock_guard lock(Gpu::here().mutex);
    packs.erase(descriptor);
    runs.erase(descriptor);
  }
  return destroy(descriptor);
}

cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan, cudnnBackendDescriptor_t given) {
  // cuDNN's plans are not safe to run from several threads at once.
  static std::atomic<int> within = 0;
  if (within.fetch_add(1) != 0) {
    std::fputs("cuDNN was given plans by several threads at once.\n", stderr);
    std::abort();
  }
  std::this_thread::sleep_for(std::chrono::microseconds(100));  // for another to come
  struct Leave {
    ~Leave() { --within; }
  } leave;
  Gpu& gpu = Gpu::here();
  const std::lock_guard lock(gpu.mutex);
  const auto pack = packs.find(given);
  if (pack == packs.end() || pack->second.numbers.size() != pack->second.pointers.size()) return CUDNN_STATUS_BAD_PARAM;
  auto& run = runs[plan];
  if (!run) {
    std::int64_t workspace = 0, count = 0;
    cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count, &workspace);
    const auto json = nlohmann::json::parse(text_of(plan), nullptr, false);
    if (json.is_discarded() || json.at("GPUProfile").at("deviceName") != gpu.described.name) return CUDNN_STATUS_EXECUTION_FAILED;
    run = standin::GraphRun::of(json.at("operationGraph"), static_cast<std::size_t>(workspace));
    if (!run) return CUDNN_STATUS_NOT_SUPPORTED;
  }
  auto work = run->on(pack->second.numbers, pack->second.pointers, pack->second.workspace);
  if (!work) return CUDNN_STATUS_BAD_PARAM;
  gpu.give(gpu.stream(handle->stream), std::move(*work));
  return gpu.broken() ? CUDNN_STATUS_EXECUTION_FAILED : CUDNN_STATUS_SUCCESS;
}

}  // extern "C"
