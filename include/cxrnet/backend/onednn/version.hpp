#pragma once
#include <oneapi/dnnl/dnnl.h>
#include <string>

namespace cxrnet::onednn {

/// "oneDNN 2.6.3": the library that programs run on.
inline std::string version() {
  const dnnl_version_t* v = dnnl_version();
  return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
}

}  // namespace cxrnet::onednn
