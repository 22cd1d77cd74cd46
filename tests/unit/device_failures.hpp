#pragma once
#include <cxrnet/core/error.hpp>

#include "catch.hpp"
#include "message.hpp"
#include "simulated_device.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace cxrnet::test {

/// Has every call of the device fail in turn in `run`, which answers how many it made before it gave all back (no call by which
/// memory is given back could say so): each ends in an error, with nothing left on the device.
template <class Run>
void check_every_failure(SimulatedDevice& device, Run run) {
  const std::size_t calls = run();
  CHECK(calls > 100);
  for (std::size_t k = 1; k <= calls; ++k) {
    device.calls = 0;
    device.fail_at = k;
    INFO("call " << k);
    CHECK(has(message_of<BackendError>([&] { static_cast<void>(run()); }), "The simulated device failed"));
    CHECK(device.live() == 0);
  }
  CHECK(device.hazards == std::vector<std::string>{});
}

}  // namespace cxrnet::test
