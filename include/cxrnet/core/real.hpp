#pragma once
#include <bit>
#include <cstdint>

namespace cxrnet {

/// A real number as a template argument, `Dropout<0.5>`: clang 14 has no `double` ones, so the bits are kept.
struct Real {
  std::uint64_t bits;

  // NOLINTNEXTLINE(google-explicit-constructor): implicit, so that a literal will do.
  consteval Real(double value) : bits(std::bit_cast<std::uint64_t>(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor): `Rotate<20>`; an integer does not convert to double here.
  consteval Real(int value) : Real(static_cast<double>(value)) {}
  [[nodiscard]] constexpr double value() const { return std::bit_cast<double>(bits); }
};

}  // namespace cxrnet
