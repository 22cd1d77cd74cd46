#include <cxrnet/core/error.hpp>
#include <cxrnet/core/shape.hpp>

int second_unit();

int main() {
  static_assert(cxrnet::Dims{3, 224, 224, 3}.rank == 3);
  return second_unit();
}
