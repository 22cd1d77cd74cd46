#pragma once
#include <cxrnet/backend/cuda/graph.hpp>
#include <cxrnet/core/error.hpp>

#include <cstddef>
#include <utility>

// What a program of this backend asks of a device. `CudaDevice` is a GPU; tests bring a simulated one. A device is a class:
//
//   static Device& current();                     the one that new programs run on; BackendError where there is none
//   void* allocate(std::size_t bytes);            aligned to 256 bytes; BackendError where memory does not suffice
//   void release(void*) noexcept;
//   class Queue;                                  Queue(Device&): work on it runs in order, beside other queues' work
//   void upload(Queue&, void* to, const void* from, std::size_t bytes);    `from` may change once it has returned
//   void download(Queue&, void* to, const void* from, std::size_t bytes);  returns with the bytes in `to`
//   void launch(Queue&, const Kernel&);           a functor of kernel.hpp
//   class Plan;                                   of a Graph, shared by those that ask for the same one
//   const Plan& plan(const Graph&);               BackendError where the library refuses it; lives as long as the device
//   void execute(Queue&, const Plan&, std::span<void* const> operands, void* workspace);
//   class Recording;                              empty at first, and after clear()
//   template <class Work> void replay(Queue&, Recording&, Work work);  has work() done, which launches and executes on that
//                                                 queue and nothing else, the same each time: from some time on the queue is
//                                                 given all of it at once, as it was recorded, and work() is not called
//   void wait(Queue&);                            until all of its work is done, which other queues may then build on
//   class HostBuffer;                             HostBuffer(Device&, std::size_t bytes), std::byte* data(): memory of the host
//                                                 that is copied beside other work; empty at first, moves
//   void upload_later(Queue&, void* to, const void* from, std::size_t bytes);    `from` lies in a HostBuffer, and may change
//   void download_later(Queue&, void* to, const void* from, std::size_t bytes);  when that has been waited for; `to` as well
//   class Event;                                  Event(Device&): one that was never recorded is over
//   void record(Queue&, Event&);                  the event is all that the queue was given so far
//   void wait(Queue&, const Event&);              the queue's coming work waits for it
//   void wait(const Event&);                      the host does
//
// A Plan has `std::size_t workspace_bytes` and `std::string name`, what ran a graph, as checkpoints record it.
namespace cxrnet::cuda {

/// Memory of a device, given back with its owner.
template <class Device>
class Buffer {
 public:
  Buffer() = default;
  Buffer(Device& device, std::size_t bytes) : device_(&device), bytes_(bytes), data_(bytes == 0 ? nullptr : device.allocate(bytes)) {}
  Buffer(Buffer&& other) noexcept
      : device_(other.device_), bytes_(std::exchange(other.bytes_, 0)), data_(std::exchange(other.data_, nullptr)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(bytes_, other.bytes_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~Buffer() {
    if (data_ != nullptr) device_->release(data_);
  }

  template <class T>
  [[nodiscard]] T* as() const {
    return static_cast<T*>(data_);
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  Device* device_ = nullptr;
  std::size_t bytes_ = 0;
  void* data_ = nullptr;
};

/// Waits before memory that copies go from or to is given back; a device that is lost copies no more.
template <class Device, class Work>
void wait_for_copies(Device& device, Work& queue_or_event) noexcept {
  try {
    device.wait(queue_or_event);
  } catch (const BackendError&) {
  }
}

}  // namespace cxrnet::cuda
