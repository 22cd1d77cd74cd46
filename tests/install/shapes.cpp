#include <cxrnet/core/shape.hpp>

int main() { return cxrnet::Dims{3, 2, 2, 1}.height == 2 ? 0 : 1; }
