#pragma once
#include <string>
#include <string_view>

#include <cxrnet/core/error.hpp>

namespace cxrnet::test {

inline constexpr std::string_view nothing_thrown = "nothing was thrown";

/// What the exception of that type says, or `nothing_thrown`.
template <class Exception = Error, class Action>
std::string message_of(Action action) {
  try {
    action();
  } catch (const Exception& error) {
    return error.what();
  }
  return std::string(nothing_thrown);
}

/// Whether `text` holds `part`.
inline bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace cxrnet::test
