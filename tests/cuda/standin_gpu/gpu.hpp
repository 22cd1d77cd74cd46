#pragma once
#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

// A GPU for tests alone, on the host: programs that are linked with it instead of the CUDA runtime run as on a GPU, slowly. What
// streams are given is done as late as it can be, or by chance before, at least in the order that CUDA promises; memory of the
// device can only be touched by work that names it. It is the GPU of the properties file that CXRNET_STANDIN_GPU names, and there
// is none where that is not set. CXRNET_STANDIN_SEED: another order of what may happen in any.
namespace standin {

enum class Access { read, write };

/// What a piece of work touches on the device.
struct Operand {
  const void* data = nullptr;
  std::size_t bytes = 0;
  Access access = Access::read;
};

struct Work {
  std::string name;
  std::vector<Operand> operands;
  std::function<void()> run;
};

}  // namespace standin

// What the runtime's handles point to.
struct CUevent_st {
  bool timed = false;
  CUstream_st* stream = nullptr;  // null: never recorded
  std::uint64_t at = 0;           // how much of the stream's work it stands for
  double seconds = 0;             // when that was done
};

struct CUgraph_st {
  std::vector<standin::Work> work;
  bool broken = false;  // something was called that cannot be captured
};
struct CUgraphExec_st : CUgraph_st {};

struct CUstream_st {
  struct Task {
    standin::Work work;
    CUstream_st* behind = nullptr;  // waits until another stream has done so much
    std::uint64_t until = 0;
    CUevent_st* reached = nullptr;
  };
  std::deque<Task> tasks;
  std::uint64_t given = 0, done = 0;
  CUgraph_st* capture = nullptr;
};

namespace standin {

/// Safe to use from several threads: whoever uses it holds `mutex`.
class Gpu {
 public:
  static Gpu& here();

  std::recursive_mutex mutex;
  std::string properties;  ///< as cuDNN takes them, JSON; empty: there is no GPU
  int driver = 0;          ///< theirs
  cudaDeviceProp described{};

  // Memory.
  void* allocate(std::size_t bytes);  ///< null where there is no room
  bool release(void* data);
  void* allocate_host(std::size_t bytes);
  bool release_host(void* data);
  [[nodiscard]] bool on_device(const void* data, std::size_t bytes) const;  ///< within one allocation
  [[nodiscard]] bool touches_device(const void* data) const;
  [[nodiscard]] bool pinned(const void* data, std::size_t bytes) const;
  [[nodiscard]] std::size_t free_bytes() const { return described.totalGlobalMem - used_; }

  // Streams. The null stream is one of them: those of the backend do not wait for it.
  CUstream_st* make_stream();
  void end_stream(CUstream_st* stream);
  CUstream_st* stream(cudaStream_t given) { return given == nullptr ? &null_ : given; }
  /// Takes work, or captures it.
  void give(CUstream_st* stream, Work work);
  void give_task(CUstream_st* stream, CUstream_st::Task task);
  /// Has so much of a stream's work done.
  void complete(CUstream_st* stream, std::uint64_t until);
  void complete(CUstream_st* stream) { complete(stream, stream->given); }
  void complete_all();
  /// An event that ends is reached no more.
  void forget(const CUevent_st* event);

  /// What went wrong in work that had been given, in words on stderr: every call fails from then on.
  void break_down(const std::string& what);
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  Gpu();
  struct Block {
    std::byte* mapping = nullptr;
    std::size_t mapped = 0, bytes = 0;  // bytes: of the block, at the end of what is mapped but for a page that is never open
  };
  [[nodiscard]] const Block* block_of(const void* data, std::size_t bytes) const;
  void run(CUstream_st* stream);
  void run(const Work& work);
  void let_go_on();

  std::map<std::uintptr_t, Block> blocks_;          // by their first byte
  std::map<std::uintptr_t, std::size_t> host_;      // pinned
  std::size_t used_ = 0;
  std::set<CUstream_st*> streams_;
  CUstream_st null_;
  std::minstd_rand chance_;
  bool broken_ = false;
};

/// A kernel as it is launched: what it touches, and its run over a grid.
struct Launched {
  std::vector<Operand> operands;
  std::function<void(dim3 grid, dim3 block)> run;
};
/// The kernel of a device function's name, with its arguments; nothing where there is none of that name.
std::optional<Launched> prepare(const std::string& device_name, void** arguments);

}  // namespace standin
