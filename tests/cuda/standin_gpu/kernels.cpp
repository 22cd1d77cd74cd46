// The backend's kernels as the stand-in GPU runs them: the same source, compiled for the host, over the grid that nvcc's code asks for.
#include "gpu.hpp"

#include <cxrnet/backend/cuda/kernel_list.hpp>

#include <cxxabi.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <type_traits>
#include <typeinfo>

namespace standin {

namespace {

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status), &std::free);
  return status == 0 ? text.get() : name;
}

/// "void cxrnet::cuda::run_kernel<K>(K, long)" to "K".
std::string kernel_of(const std::string& device_name) {
  const std::string name = demangled(device_name.c_str());
  const std::size_t first = name.find('<');
  int depth = 0;
  for (std::size_t i = first; i < name.size(); ++i) {
    depth += name[i] == '<' ? 1 : name[i] == '>' ? -1 : 0;
    if (depth == 0) return name.substr(first + 1, name.find_last_not_of(' ', i - 1) - first);
  }
  return {};
}

template <class Kernel>
Launched launched(void** arguments) {
  static_assert(std::is_trivially_copyable_v<Kernel> && sizeof(Kernel) <= 4096, "A kernel's parameters are copied as bytes, 4096 at most.");
  const Kernel kernel = *static_cast<const Kernel*>(arguments[0]);
  Launched made;
  kernel.operands([&](cxrnet::cuda::Access access, const void* data, std::size_t bytes) {
    made.operands.push_back({data, bytes, access == cxrnet::cuda::Access::read ? Access::read : Access::write});
  });
  if constexpr (requires { kernel.phases(); }) {
    made.run = [kernel](dim3 grid, dim3 block) {
      const int lanes = static_cast<int>(block.x);
#pragma omp parallel for schedule(dynamic)
      for (std::int64_t b = 0; b < static_cast<std::int64_t>(grid.x); ++b) {
        for (int phase = 0; phase < kernel.phases(); ++phase) {
          for (int lane = 0; lane < lanes; ++lane) kernel(b, phase, lane);
        }
      }
    };
  } else {
    const std::int64_t count = *static_cast<const std::int64_t*>(arguments[1]);
    made.run = [kernel, count](dim3 grid, dim3 block) {
      const std::int64_t threads = static_cast<std::int64_t>(grid.x) * block.x;
#pragma omp parallel for
      for (std::int64_t i = 0; i < threads; ++i) {
        if (i < count) kernel(i);
      }
    };
  }
  return made;
}

using Prepare = Launched (*)(void**);
std::map<std::string, Prepare> all_kernels() {
  using namespace cxrnet::cuda;
  std::map<std::string, Prepare> made;
#define CXRNET_KERNEL(...) made[demangled(typeid(__VA_ARGS__).name())] = &launched<__VA_ARGS__>;
  CXRNET_EACH_KERNEL
#undef CXRNET_KERNEL
  return made;
}

}  // namespace

std::optional<Launched> prepare(const std::string& device_name, void** arguments) {
  static const auto* const kernels = new std::map(all_kernels());
  static auto* const found = new std::map<std::string, Prepare>;
  const auto [entry, is_new] = found->try_emplace(device_name, nullptr);
  if (is_new) {
    const auto kernel = kernels->find(kernel_of(device_name));
    if (kernel != kernels->end()) entry->second = kernel->second;
  }
  if (entry->second == nullptr) return std::nullopt;
  return entry->second(arguments);
}

}  // namespace standin
