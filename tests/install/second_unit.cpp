#include <cxrnet/core/error.hpp>
#include <cxrnet/core/shape.hpp>

int second_unit() {
  try {
    throw cxrnet::DataError("as a user of the library catches it");
  } catch (const cxrnet::Error&) {
    return 0;
  }
}
