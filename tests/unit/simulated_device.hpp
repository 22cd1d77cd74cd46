#pragma once
#include <cxrnet/backend/cuda/device.hpp>
#include <cxrnet/backend/cuda/kernel.hpp>
#include <cxrnet/backend/reference/kernels.hpp>
#include <cxrnet/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cxrnet::test {

/// A device on the host: it does at once, by plain loops, what it is asked, and keeps account of what a real one might not
/// forgive. Work of two queues is ordered only where the second waits for an event of the first, or where the host has waited for
/// the first before it gave the second. What is downloaded later comes when it is waited for, and what is uploaded later must not
/// have changed by then.
class SimulatedDevice {
 public:
  SimulatedDevice() : before_(std::exchange(current_, this)) {}
  SimulatedDevice(const SimulatedDevice&) = delete;
  SimulatedDevice& operator=(const SimulatedDevice&) = delete;
  ~SimulatedDevice() { current_ = before_; }

  static SimulatedDevice& current() {
    if (current_ == nullptr) throw BackendError("There is no simulated device.");
    return *current_;
  }

  std::vector<std::string> hazards;  ///< what was wrong, in words
  std::size_t calls = 0;             ///< of any kind
  std::size_t launches = 0;          ///< of kernels and plans
  std::size_t replays = 0;           ///< of what was recorded
  std::size_t fail_at = 0;           ///< the call that fails, counted from 1; 0: none
  bool may_allocate = true;          ///< false: an allocation is a hazard
  bool computes = true;              ///< false: it keeps account alone, of networks that take long on plain loops
  [[nodiscard]] std::size_t live() const { return blocks_.size(); }

  class Queue {
   public:
    explicit Queue(SimulatedDevice& device) : number(device.issued_.size()) {
      device.step("making a queue");
      device.issued_.push_back(0);
      device.waited_.push_back(0);
      device.known_.emplace_back();
    }
    std::size_t number;
  };

  class HostBuffer {
   public:
    HostBuffer() = default;
    HostBuffer(SimulatedDevice& device, std::size_t bytes) : bytes_(bytes, std::byte{0xFF}) {
      device.step("allocating memory of the host");
      if (!device.may_allocate) device.hazards.push_back("an allocation of the host's memory within a step");
    }
    [[nodiscard]] std::byte* data() { return bytes_.data(); }

   private:
    std::vector<std::byte> bytes_;
  };

  class Event {
   public:
    explicit Event(SimulatedDevice& device) { device.step("making an event"); }

   private:
    friend class SimulatedDevice;
    std::vector<std::size_t> done_;  // by queue, the last work that is behind it
  };
  void record(Queue& queue, Event& event) {
    step("recording an event");
    event.done_ = known_[queue.number];
    event.done_.resize(issued_.size());
    for (std::size_t q = 0; q < event.done_.size(); ++q) event.done_[q] = std::max(event.done_[q], waited_[q]);
    event.done_[queue.number] = issued_[queue.number];
  }
  void wait(Queue& queue, const Event& event) {
    step("waiting for an event");
    raise(known_[queue.number], event.done_);
  }
  void wait(const Event& event) {
    step("waiting for an event");
    raise(waited_, event.done_);
    arrive();
  }

  /// Recorded the second time, as a GPU's is, and run from the copies that were made then.
  class Recording {
   public:
    void clear() { *this = Recording(); }

   private:
    friend class SimulatedDevice;
    std::size_t runs_ = 0;
    std::vector<std::function<void(SimulatedDevice&, Queue&)>> work_;
  };
  template <class Work>
  void replay(Queue& queue, Recording& recording, Work work) {
    if (recording.runs_++ == 0) return work();
    if (recording.runs_ == 2) {
      recording_ = &recording;
      try {
        work();
      } catch (...) {
        recording_ = nullptr;
        recording.clear();
        throw;
      }
      recording_ = nullptr;
    }
    step("replaying");
    ++replays;
    for (const auto& one : recording.work_) one(*this, queue);
  }

  struct Plan {
    cuda::Graph graph;
    std::size_t workspace_bytes = 256;
    std::string name = "simulated";
  };

  void* allocate(std::size_t bytes) {
    step("allocating");
    if (!may_allocate) hazards.push_back("an allocation of " + std::to_string(bytes) + " bytes within a step");
    Block block;
    block.bytes.reset(static_cast<std::byte*>(::operator new(bytes, std::align_val_t{256})));
    std::memset(block.bytes.get(), 0xFF, bytes);  // NaN, whatever the type
    block.size = bytes;
    block.marks.resize((bytes + grain - 1) / grain);
    void* const at = block.bytes.get();
    blocks_.emplace(static_cast<std::byte*>(at), std::move(block));
    return at;
  }
  void release(void* data) noexcept {
    if (blocks_.erase(static_cast<std::byte*>(data)) == 0) hazards.push_back("memory was given back twice");
  }

  void upload(Queue& queue, void* to, const void* from, std::size_t bytes) {
    begin(queue, "uploading");
    if (touch(queue, "an upload", cuda::Access::write, to, bytes)) std::memcpy(to, from, bytes);
  }
  void download(Queue& queue, void* to, const void* from, std::size_t bytes) {
    begin(queue, "downloading");
    if (touch(queue, "a download", cuda::Access::read, from, bytes)) std::memcpy(to, from, bytes);
    raise(waited_, known_[queue.number]);
    waited_[queue.number] = issued_[queue.number];
    arrive();
  }
  void upload_later(Queue& queue, void* to, const void* from, std::size_t bytes) {
    upload(queue, to, from, bytes);
    const auto* const first = static_cast<const std::byte*>(from);
    later_.push_back({queue.number, issued_[queue.number], first, nullptr, {first, first + bytes}});
  }
  void download_later(Queue& queue, void* to, const void* from, std::size_t bytes) {
    begin(queue, "downloading");
    if (!touch(queue, "a download", cuda::Access::read, from, bytes)) return;
    const auto* const first = static_cast<const std::byte*>(from);
    later_.push_back({queue.number, issued_[queue.number], nullptr, static_cast<std::byte*>(to), {first, first + bytes}});
    std::memset(to, 0xFF, bytes);
  }
  void wait(Queue& queue) {
    step("waiting");
    raise(waited_, known_[queue.number]);
    waited_[queue.number] = issued_[queue.number];
    arrive();
  }

  /// From the last index to the first, and lanes in a shuffled order: what relies on an order fails.
  template <class Kernel>
  void launch(Queue& queue, const Kernel& kernel) {
    if (recording_ != nullptr) {
      step("recording a kernel");
      recording_->work_.push_back([kernel](SimulatedDevice& device, Queue& given) { device.launch(given, kernel); });
      return;
    }
    begin(queue, "launching a kernel");
    ++launches;
    bool good = true;
    std::vector<Operand> operands;
    kernel.operands([&](cuda::Access access, const void* data, std::size_t bytes) {
      operands.push_back({static_cast<const std::byte*>(data), bytes, access});
      good = touch(queue, "a kernel", access, data, bytes) && good;
    });
    if constexpr (requires { kernel.phases(); }) check_blocks(operands);
    if (!good || !computes) return;
    if constexpr (requires { kernel.phases(); }) {
      for (std::int64_t block = kernel.blocks(); block-- > 0;) {
        for (int phase = 0; phase < kernel.phases(); ++phase) {
          for (int i = 0; i < cuda::block_lanes; ++i) kernel(block, phase, (i * 77 + 13) % cuda::block_lanes);
        }
      }
    } else {
      for (std::int64_t i = kernel.count(); i-- > 0;) kernel(i);
    }
  }

  const Plan& plan(const cuda::Graph& graph) {
    step("building a plan");
    return plans_.try_emplace(cuda::describe(graph), Plan{graph}).first->second;
  }

  void execute(Queue& queue, const Plan& plan, std::span<void* const> operands, void* workspace) {
    if (recording_ != nullptr) {
      step("recording a plan");
      recording_->work_.push_back([&plan, own = std::vector<void*>(operands.begin(), operands.end()), workspace](
                                      SimulatedDevice& device, Queue& given) { device.execute(given, plan, own, workspace); });
      return;
    }
    begin(queue, "running a plan");
    ++launches;
    const cuda::Graph& g = plan.graph;
    const std::vector<std::size_t> bytes = g.operand_bytes();
    if (operands.size() != bytes.size()) hazards.push_back(cuda::describe(g) + " was given other operands");
    const std::string who = cuda::describe(g);
    bool good = touch(queue, who, cuda::Access::write, workspace, plan.workspace_bytes);
    for (std::size_t k = 0; k < operands.size(); ++k) {
      const bool last = k + 1 == operands.size();
      good = touch(queue, who, last ? cuda::Access::write : cuda::Access::read, operands[k], bytes[k]) && good;
    }
    if (!good || !computes) return;
    if (g.number == cuda::Number::half) run<cuda::Float16>(g, operands);
    else if (g.number == cuda::Number::bfloat16) run<cuda::BFloat16>(g, operands);
    else run<float>(g, operands);
  }

 private:
  static constexpr std::size_t grain = 64;  // bytes that are kept account of together: slots are multiples of it
  struct Mark {
    std::size_t writer = 0, written = 0;          // queue, and its work's number; 0: never
    std::map<std::size_t, std::size_t> readers;   // queue to its last reading work
  };
  struct Free {
    void operator()(std::byte* bytes) const { ::operator delete(bytes, std::align_val_t{256}); }
  };
  struct Block {
    std::unique_ptr<std::byte, Free> bytes;
    std::size_t size = 0;
    std::vector<Mark> marks;
  };

  void step(const char* doing) {
    const bool recordable = std::string_view(doing).starts_with("recording");
    if (recording_ != nullptr && !recordable) hazards.push_back(std::string(doing) + " cannot be recorded");
    if (++calls == fail_at) throw BackendError(std::string("The simulated device failed ") + doing + ".");
  }
  void begin(Queue& queue, const char* doing) {
    step(doing);
    ++issued_[queue.number];
  }
  [[nodiscard]] bool ordered(std::size_t queue, std::size_t work, std::size_t before) const {
    const auto& known = known_[before];
    return queue == before || work <= waited_[queue] || (queue < known.size() && work <= known[queue]);
  }
  static void raise(std::vector<std::size_t>& to, const std::vector<std::size_t>& from) {
    to.resize(std::max(to.size(), from.size()));
    for (std::size_t q = 0; q < from.size(); ++q) to[q] = std::max(to[q], from[q]);
  }
  /// Copies that the host now knows to be done.
  void arrive() {
    std::erase_if(later_, [&](const Later& copy) {
      if (copy.work > waited_[copy.queue]) return false;
      if (copy.to != nullptr) std::ranges::copy(copy.bytes, copy.to);
      else if (!std::ranges::equal(copy.bytes, std::span(copy.from, copy.bytes.size()))) {
        hazards.push_back("the host changed what was on its way to the device");
      }
      return true;
    });
  }

  struct Operand {
    const std::byte* first;
    std::size_t bytes;
    cuda::Access access;
  };
  /// Blocks go through their phases at different times: what one writes, another may touch only where it is the very same
  /// operand, of which each has its own part.
  void check_blocks(const std::vector<Operand>& operands) {
    for (const Operand& a : operands) {
      for (const Operand& b : operands) {
        const bool apart = a.first + a.bytes <= b.first || b.first + b.bytes <= a.first;
        const bool same = a.first == b.first && a.bytes == b.bytes;
        if (a.access == cuda::Access::write && !apart && !same) hazards.push_back("blocks touch parts of what others write");
      }
    }
  }

  bool touch(const Queue& queue, const std::string& who, cuda::Access access, const void* data, std::size_t bytes) {
    const auto* const at = static_cast<const std::byte*>(data);
    auto found = blocks_.upper_bound(const_cast<std::byte*>(at));
    if (bytes == 0) return true;
    if (found == blocks_.begin() || (--found, at + bytes > found->first + found->second.size)) {
      hazards.push_back(who + " touches memory that is not its device's");
      return false;
    }
    const std::size_t first = static_cast<std::size_t>(at - found->first);
    for (std::size_t k = first / grain; k <= (first + bytes - 1) / grain; ++k) {
      Mark& mark = found->second.marks[k];
      if (mark.written != 0 && !ordered(mark.writer, mark.written, queue.number)) {
        hazards.push_back(who + " is not ordered behind what wrote its operand");
        return false;
      }
      if (access == cuda::Access::read) {
        if (mark.written == 0) {
          hazards.push_back(who + " reads what nothing has written");
          return false;
        }
        mark.readers[queue.number] = issued_[queue.number];
        continue;
      }
      for (const auto& [reader, work] : mark.readers) {
        if (ordered(reader, work, queue.number)) continue;
        hazards.push_back(who + " overwrites what another queue may still read");
        return false;
      }
      mark = {queue.number, issued_[queue.number], {}};
    }
    return true;
  }

  template <class T>
  static void run(const cuda::Graph& g, std::span<void* const> operands) {
    const auto ci = static_cast<std::size_t>(g.in.channels), co = static_cast<std::size_t>(g.out.channels);
    const auto taps = static_cast<std::size_t>(g.window.height * g.window.width);
    const auto numbers = [&](std::size_t k, std::size_t count) {
      const T* const from = static_cast<const T*>(operands[k]);
      std::vector<float> values(count);
      std::transform(from, from + count, values.begin(), [](T x) { return cuda::to_float(x); });
      return values;
    };
    const std::size_t n = static_cast<std::size_t>(g.batch), in = g.in.size(), out = g.out.size();
    std::vector<float> result;
    switch (g.pattern) {
      case cuda::Pattern::convolution: {
        const auto x = numbers(0, n * in), w = numbers(1, co * taps * ci);
        const auto bias = g.bias ? numbers(2, co) : std::vector<float>(co);
        result.resize(n * out);
        for (std::size_t i = 0; i < n * out; ++i) result[i] = bias[i % co];
        for (std::size_t image = 0; image < n; ++image) {
          reference::for_each_tap(g.window, g.in, g.out, [&](std::size_t to, std::size_t from, std::size_t tap) {
            for (std::size_t k = 0; k < co; ++k) {
              float sum = 0;
              for (std::size_t c = 0; c < ci; ++c) sum += x[image * in + from * ci + c] * w[(k * taps + tap) * ci + c];
              result[image * out + to * co + k] += sum;
            }
          });
        }
        for (float& v : result) v = g.relu && !(v > 0) ? 0 : v;  // what is no number too, as cuDNN's engines may
        break;
      }
      case cuda::Pattern::data_gradient: {
        const auto dy = numbers(0, n * out), w = numbers(1, co * taps * ci);
        result.resize(n * in);
        for (std::size_t image = 0; image < n; ++image) {
          reference::for_each_tap(g.window, g.in, g.out, [&](std::size_t to, std::size_t from, std::size_t tap) {
            for (std::size_t c = 0; c < ci; ++c) {
              float sum = 0;
              for (std::size_t k = 0; k < co; ++k) sum += dy[image * out + to * co + k] * w[(k * taps + tap) * ci + c];
              result[image * in + from * ci + c] += sum;
            }
          });
        }
        if (g.relu) {
          const auto before = numbers(2, n * in);
          for (std::size_t i = 0; i < n * in; ++i) result[i] = before[i] > 0 ? result[i] : 0;
        }
        break;
      }
      case cuda::Pattern::weight_gradient: {
        const auto x = numbers(0, n * in), dy = numbers(1, n * out);
        result.resize(co * taps * ci);
        for (std::size_t image = 0; image < n; ++image) {
          reference::for_each_tap(g.window, g.in, g.out, [&](std::size_t to, std::size_t from, std::size_t tap) {
            for (std::size_t k = 0; k < co; ++k) {
              for (std::size_t c = 0; c < ci; ++c) {
                result[(k * taps + tap) * ci + c] += x[image * in + from * ci + c] * dy[image * out + to * co + k];
              }
            }
          });
        }
        break;
      }
      case cuda::Pattern::bias_gradient: {
        const auto dy = numbers(0, n * out);
        float* const sums = static_cast<float*>(operands[1]);
        std::fill_n(sums, co, 0.0F);
        for (std::size_t i = 0; i < n * out; ++i) sums[i % co] += dy[i];
        return;
      }
    }
    T* const to = static_cast<T*>(operands.back());
    for (std::size_t i = 0; i < result.size(); ++i) to[i] = cuda::number<T>(result[i]);
  }

  inline static thread_local SimulatedDevice* current_ = nullptr;
  SimulatedDevice* before_;
  Recording* recording_ = nullptr;
  std::map<std::byte*, Block> blocks_;
  std::map<std::string, Plan> plans_;
  std::vector<std::size_t> issued_, waited_;      // by queue
  std::vector<std::vector<std::size_t>> known_;  // by queue, the work of others that is ordered before what it is given next
  struct Later {
    std::size_t queue, work;
    const std::byte* from;
    std::byte* to;
    std::vector<std::byte> bytes;
  };
  std::vector<Later> later_;
};

}  // namespace cxrnet::test
