#pragma once
#include <cxrnet/core/error.hpp>

#include <cudnn.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#if CUDNN_VERSION < 90800
#error "cxrnet's CUDA backend needs cuDNN 9.8 or later: plans are built from a GPU's properties, which earlier ones do not take."
#endif

// A thin layer over cuDNN 9's C backend API: descriptors that own themselves, errors as sentences.
namespace cxrnet::cuda {

/// cuDNN's own words for what failed last in this thread, where it has any.
inline std::string last_words() {
  std::array<char, 1024> text{};
  cudnnGetLastErrorString(text.data(), text.size());
  std::string words(text.data());
  while (!words.empty() && (words.back() == '\n' || words.back() == ' ')) words.pop_back();
  return words;
}

/// BackendError unless a call of cuDNN succeeded.
inline void check(cudnnStatus_t status, const char* doing) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  const std::string words = last_words();
  throw BackendError(std::string("cuDNN failed ") + doing + ": " + cudnnGetErrorString(status) +
                     (words.empty() ? "" : " (" + words + ")") + ".");
}

/// A backend descriptor, destroyed with its owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(cudnnBackendDescriptorType_t type) { check(cudnnBackendCreateDescriptor(type, &raw_), "making a descriptor"); }
  Descriptor(Descriptor&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(raw_, other.raw_);
    return *this;
  }
  ~Descriptor() {
    if (raw_ != nullptr) cudnnBackendDestroyDescriptor(raw_);
  }

  [[nodiscard]] cudnnBackendDescriptor_t raw() const { return raw_; }

  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::span<const T> values) {
    check(cudnnBackendSetAttribute(raw_, name, type, static_cast<std::int64_t>(values.size()), values.data()),
          "setting a descriptor's attribute");
    return *this;
  }
  template <class T>
  Descriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const T& value) {
    return set(name, type, std::span<const T>(&value, 1));
  }
  Descriptor& set(cudnnBackendAttributeName_t name, const Descriptor& value) {
    const cudnnBackendDescriptor_t other = value.raw();
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, other);
  }
  /// BackendError, naming `what`, where cuDNN refuses it.
  Descriptor& finalize(const char* what) {
    check(cudnnBackendFinalize(raw_), what);
    return *this;
  }

  /// One value of a finalized descriptor.
  template <class T>
  [[nodiscard]] T get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type) const {
    T value{};
    std::int64_t count = 0;
    check(cudnnBackendGetAttribute(raw_, name, type, 1, &count, &value), "reading a descriptor's attribute");
    return value;
  }
  /// All of them.
  template <class T>
  [[nodiscard]] std::vector<T> list(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type) const {
    std::int64_t count = 0;
    check(cudnnBackendGetAttribute(raw_, name, type, 0, &count, nullptr), "counting a descriptor's attributes");
    std::vector<T> values(static_cast<std::size_t>(count));
    check(cudnnBackendGetAttribute(raw_, name, type, count, &count, values.data()), "reading a descriptor's attributes");
    values.resize(static_cast<std::size_t>(count));
    return values;
  }
  /// Descriptors of that type, as many as there are up to `most`.
  [[nodiscard]] std::vector<Descriptor> descriptors(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type,
                                                    std::int64_t most) const {
    std::vector<Descriptor> made;
    std::vector<cudnnBackendDescriptor_t> raw;
    for (std::int64_t i = 0; i < most; ++i) raw.push_back(made.emplace_back(type).raw());
    std::int64_t count = 0;
    check(cudnnBackendGetAttribute(raw_, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, &count, raw.data()), "reading a descriptor's parts");
    made.erase(made.begin() + std::min(count, most), made.end());
    return made;
  }
  /// The one descriptor of that type.
  [[nodiscard]] Descriptor descriptor(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t type) const {
    auto all = descriptors(name, type, 1);
    if (all.empty()) throw BackendError("cuDNN failed reading a descriptor's part: there is none.");
    return std::move(all.front());
  }

 private:
  cudnnBackendDescriptor_t raw_ = nullptr;
};

/// The GPU that plans are built for: one that is here, or one that is only described.
class Target {
 public:
  /// By its properties as cuDNN takes them, JSON: nothing is executed, and no GPU is needed.
  static Target described(const std::string& json) {
    Target target;
    target.properties_.set(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, CUDNN_TYPE_CHAR, std::span<const char>(json.data(), json.size() + 1));
    target.properties_.finalize("reading a GPU's properties");
    return target;
  }
  /// By an open handle.
  static Target here(cudnnHandle_t handle) {
    Target target;
    target.properties_.set(CUDNN_ATTR_DEVICEPROP_HANDLE, CUDNN_TYPE_HANDLE, handle);
    target.properties_.finalize("asking for this GPU's properties");
    return target;
  }
  [[nodiscard]] const Descriptor& properties() const { return properties_; }

 private:
  Target() : properties_(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR) {}
  Descriptor properties_;
};

/// cuDNN's version as one number, 91900 for 9.19.0.
inline std::size_t cudnn_version() { return cudnnGetVersion(); }

}  // namespace cxrnet::cuda
