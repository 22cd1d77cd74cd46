#pragma once
#include <string>

#include <cxrnet/core/error.hpp>

namespace cxrnet::test {

/// What the exception of that type says, or that there was none.
template <class Exception = Error, class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const Exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

/// Whether `text` holds `part`.
inline bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace cxrnet::test
