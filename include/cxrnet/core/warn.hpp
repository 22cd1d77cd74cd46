#pragma once
#include <cstdio>
#include <functional>
#include <string>

namespace cxrnet {

/// Gives a sentence to who wants it, or to standard error where nobody does.
inline void warn_by(const std::function<void(const std::string&)>& warn, const std::string& what) {
  if (warn) warn(what);
  else std::fprintf(stderr, "%s\n", what.c_str());
}

}  // namespace cxrnet
