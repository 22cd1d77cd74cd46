// A stack of the user's: the type Net of a header, CXRNET_FUSION_NET.
#include "stack.hpp"

#include <cxrnet/predict.hpp>

#include CXRNET_FUSION_NET

#include <type_traits>

// What ::Net finds where the header has none.
namespace cxrnet_no_net {
struct Net;
}
using namespace cxrnet_no_net;
static_assert(!std::is_same_v<::Net, cxrnet_no_net::Net>, "cxrnet: the header defines no type Net");

std::vector<cxrnet::fusion::Stack> cxrnet::fusion::stacks(std::string_view backend) {
  return on_backend(backend, []<class Backend>(Backend) {
    std::vector<Stack> list;
    list.push_back(stack_of<::Net, Backend>(CXRNET_FUSION_NAME));
    return list;
  });
}
