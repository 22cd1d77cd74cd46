#pragma once
#include <utility>

namespace cxrnet {

/// While one lives, an object is the current one of its type on this thread; then the one before is again.
template <class T>
class WithCurrent {
 public:
  explicit WithCurrent(T& object) : before_(std::exchange(current(), &object)) {}
  WithCurrent(const WithCurrent&) = delete;
  WithCurrent& operator=(const WithCurrent&) = delete;
  ~WithCurrent() { current() = before_; }

  /// This thread's, null: none.
  static T*& current() {
    thread_local T* object = nullptr;
    return object;
  }

 private:
  T* before_;
};

}  // namespace cxrnet
