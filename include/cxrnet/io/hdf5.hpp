#pragma once
#include <hdf5.h>

#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace cxrnet::hdf5 {

/// While one lives, this thread alone of cxrnet's uses HDF5, and HDF5 prints nothing. Distributions build HDF5 without
/// thread safety: a program that calls HDF5 itself, from another thread, must not do so while cxrnet reads or writes.
class Session {
 public:
  Session() {
    if (depth()++ == 0) mutex().lock();
    H5Eget_auto2(H5E_DEFAULT, &printer_, &data_);
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() {
    H5Eset_auto2(H5E_DEFAULT, printer_, data_);
    if (--depth() == 0) mutex().unlock();
  }

  /// What went wrong innermost, for the end of a sentence: in the system's words where HDF5 gives them among its own.
  [[nodiscard]] static std::string reason() {
    std::string text;
    H5Ewalk2(
        H5E_DEFAULT, H5E_WALK_UPWARD,
        [](unsigned, const H5E_error2_t* error, void* out) -> herr_t {
          auto& first = *static_cast<std::string*>(out);
          if (first.empty() && error->desc != nullptr) first = error->desc;
          return 0;
        },
        &text);
    constexpr std::string_view mark = "error message = '";
    if (const std::size_t at = text.find(mark); at != std::string::npos) {
      const std::size_t begin = at + mark.size();
      return text.substr(begin, text.find('\'', begin) - begin);
    }
    return text.empty() ? "HDF5 gives no reason" : text;
  }

 private:
  static std::mutex& mutex() {
    static std::mutex one;
    return one;
  }
  // Not a recursive mutex: its owner is a thread's number, which a forked child does not keep.
  static int& depth() {
    thread_local int sessions = 0;
    return sessions;
  }
  H5E_auto2_t printer_ = nullptr;
  void* data_ = nullptr;
};

/// An HDF5 identifier, closed by its own function.
class Handle {
 public:
  Handle(hid_t id, herr_t (*closed_by)(hid_t)) : id_(id), close_(closed_by) {}
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)), close_(other.close_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  [[nodiscard]] hid_t get() const { return id_; }
  [[nodiscard]] bool valid() const { return id_ >= 0; }
  /// Below 0 where that failed.
  [[nodiscard]] herr_t close() { return close_(std::exchange(id_, H5I_INVALID_HID)); }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

}  // namespace cxrnet::hdf5
