// A schematic chest as attenuation over the plane. Unit: half the width of the thorax; x to the image's right (the
// patient's left), y down, origin at mid-chest. "side" is +1 or -1, "lateral" the distance from the midline.
#pragma once

#include "draws.hpp"

#include <array>
#include <cmath>
#include <numbers>
#include <vector>

namespace phantom {

enum class Condition { Covid, Normal };

struct Point {
  double x, y;
};

/// One lung: a superellipse that leans with y, cut below by the dome of the diaphragm.
struct Lung {
  double centre, radius, lean, middle, height, dome;

  /// 0 at the core, 1 at the chest wall.
  [[nodiscard]] double radial(double lateral, double y) const {
    const double u = std::abs(lateral - centre - lean * (y - middle)) / radius, v = std::abs(y - middle) / height;
    return std::pow(u, 2.4) + std::pow(v, 2.4);
  }
  [[nodiscard]] double floor_at(double lateral) const {
    const double u = (lateral - centre + 0.02) / 0.42;
    return dome + 0.30 * u * u;
  }
  /// Air along the ray, 0 to 1.
  [[nodiscard]] double air(double lateral, double y) const {
    const double inside = 1 - radial(lateral, y);
    if (inside <= 0) return 0;
    const double under = floor_at(lateral) - y;
    return std::pow(inside, 0.42) * ramp(-0.012, 0.012, under) * (0.72 + 0.28 * ramp(0, 0.35, under));
  }
  /// Lateral distance of the chest wall at y.
  [[nodiscard]] double wall(double y) const {
    const double v = std::min(1.0, std::abs(y - middle) / height);
    return centre + lean * (y - middle) + radius * std::pow(1 - std::pow(v, 2.4), 1 / 2.4);
  }
};

/// A patch seen through a lung. Ground glass has a ragged outline and a fine reticular grain; overlapping soft tissue
/// (breast, fat, a skin fold), which both classes have, is smooth and about as dense.
struct Patch {
  enum class Kind { GroundGlass, SoftTissue };
  Kind kind;
  Point at;
  double radius_x, radius_y, tilt, strength, grain;
  std::uint64_t key;

  [[nodiscard]] double attenuation(double x, double y) const {
    const double dx = x - at.x, dy = y - at.y;
    if (std::abs(dx) > 0.6 || std::abs(dy) > 0.6) return 0;
    const double c = std::cos(tilt), s = std::sin(tilt);
    const double u = (c * dx + s * dy) / radius_x, v = (c * dy - s * dx) / radius_y;
    const double r = std::sqrt(u * u + v * v);
    if (kind == Kind::SoftTissue) return r < 2.5 ? strength * std::exp(-1.1 * r * r) : 0;
    const double edge = r + 0.9 * (fractal_noise(key, 7 * x, 7 * y, 3) - 0.5);
    const double mask = 1 - ramp(0.3, 1.2, edge);
    if (mask <= 0) return 0;
    const double net = 1 - std::abs(2 * fractal_noise(key + 1, grain * x, grain * y, 3) - 1);
    return strength * mask * (0.1 + 1.9 * ramp(0.40, 0.92, net));
  }
};

/// A line drawn on the film: a vessel, a lead, a tube, a stroke of a letter. Added as a soft tube of `width`.
struct Stroke {
  Point from, to;
  double width, strength;
};

/// Everything random of one chest.
struct Anatomy {
  std::array<Lung, 2> lungs;  // image left, image right
  double shoulder, torso, tissue, bone, rib_first, rib_step, rib_slope, clavicle, bend, vessel;
  Point heart;
  double heart_long, heart_short, heart_tilt, heart_strength;
  double gas, gas_x;
  std::vector<Patch> patches;
  std::vector<Stroke> vessels;  // within the lungs
  std::vector<Stroke> devices;  // over everything
  std::uint64_t texture;
};

namespace detail {

/// A vessel that tapers, wanders and forks.
inline void grow_vessel(Draws& draws, std::vector<Stroke>& out, Point at, double angle, double width, double strength,
                        int segments) {
  for (int i = 0; i < segments && width > 0.0025; ++i) {
    angle += 0.22 * draws.normal();
    const double length = draws.uniform(0.04, 0.075);
    const Point next{at.x + length * std::cos(angle), at.y + length * std::sin(angle)};
    out.push_back({at, next, width, strength * std::min(1.0, width / 0.010)});
    at = next;
    width *= draws.uniform(0.84, 0.95);
    if (draws.chance(0.34)) {
      grow_vessel(draws, out, at, angle + draws.sign() * draws.uniform(0.35, 0.8), width * 0.75, strength,
                  segments - i - 2);
    }
  }
}

inline void add_lead(Draws& draws, std::vector<Stroke>& out) {
  Point at{draws.sign() * draws.uniform(0.2, 0.85), draws.uniform(-0.5, 0.6)};
  const double strength = draws.uniform(0.12, 0.3);
  out.push_back({at, at, draws.uniform(0.022, 0.035), strength});
  double angle = draws.uniform(0, 2 * std::numbers::pi);
  for (int i = 0; i < 26; ++i) {
    angle += 0.10 * draws.normal();
    const Point next{at.x + 0.06 * std::cos(angle), at.y + 0.06 * std::sin(angle)};
    out.push_back({at, next, 0.006, strength * 0.6});
    at = next;
  }
}

/// A catheter from the neck down towards the heart.
inline void add_catheter(Draws& draws, std::vector<Stroke>& out) {
  Point at{draws.sign() * draws.uniform(0.15, 0.35), -1.1};
  const double bottom = draws.uniform(-0.1, 0.3);
  while (at.y < bottom) {
    const Point next{at.x * 0.93 + 0.008 * draws.normal(), at.y + 0.05};
    out.push_back({at, next, 0.008, 0.09});
    at = next;
  }
}

inline Patch make_patch(Draws& draws, Patch::Kind kind, const std::array<Lung, 2>& lungs, double reach) {
  const bool right = draws.chance(0.5);
  const Lung& lung = lungs[right ? 1 : 0];
  const double y = -0.35 + 0.85 * std::sqrt(draws.unit());
  const double lateral = std::max(0.25, lung.wall(y) - draws.uniform(0.06, reach));
  return {kind,
          {right ? lateral : -lateral, y},
          draws.uniform(0.12, 0.22),
          draws.uniform(0.15, 0.30),
          draws.uniform(-0.5, 0.5),
          draws.uniform(0.13, 0.21),
          draws.uniform(12, 20),
          draws.bits()};
}

}  // namespace detail

/// The chest that a key and a condition give. All but `patches` has the same distribution in both conditions.
[[nodiscard]] inline Anatomy draw_anatomy(std::uint64_t key, Condition condition) {
  Draws draws(key);
  Anatomy a{};
  const double width = draws.uniform(0.92, 1.08), breath = draws.uniform(-0.10, 0.10);
  for (int i = 0; i < 2; ++i) {
    a.lungs[static_cast<std::size_t>(i)] = {.centre = 0.46 * width + draws.uniform(-0.015, 0.015),
                                            .radius = 0.365 * width * draws.uniform(0.95, 1.05),
                                            .lean = draws.uniform(0.09, 0.15),
                                            .middle = 0.08,
                                            .height = draws.uniform(0.84, 0.93),
                                            .dome = 0.46 + breath + (i == 0 ? -0.03 : 0.05) + draws.uniform(-0.03, 0.03)};
  }
  a.shoulder = draws.uniform(-0.72, -0.60);
  a.torso = draws.uniform(0.98, 1.12);
  a.tissue = draws.uniform(0.50, 0.70);
  a.bone = draws.uniform(0.055, 0.105);
  a.rib_first = draws.uniform(-0.80, -0.70);
  a.rib_step = draws.uniform(0.125, 0.150);
  a.rib_slope = draws.uniform(0.28, 0.48);
  a.clavicle = draws.uniform(-0.66, -0.54);
  a.bend = draws.uniform(-0.03, 0.03);
  a.heart = {draws.uniform(0.09, 0.17), draws.uniform(0.20, 0.27) + breath};
  a.heart_long = draws.uniform(0.33, 0.43);
  a.heart_short = draws.uniform(0.24, 0.31);
  a.heart_tilt = draws.uniform(0.45, 0.75);
  a.heart_strength = draws.uniform(0.12, 0.22);
  a.gas = draws.chance(0.6) ? draws.uniform(0.05, 0.16) : 0;
  a.gas_x = draws.uniform(0.30, 0.50);
  a.vessel = draws.uniform(0.05, 0.11);
  for (const double side : {-1.0, 1.0}) {
    for (int i = 0; i < 9; ++i) {
      const double angle = -1.25 + 2.5 * (i + draws.uniform(-0.3, 0.3)) / 8;
      const Point hilum{side * draws.uniform(0.15, 0.20), -0.02 + 0.10 * draws.normal() * 0.5};
      detail::grow_vessel(draws, a.vessels, hilum, side > 0 ? angle : std::numbers::pi - angle,
                          draws.uniform(0.010, 0.018), a.vessel, 12);
    }
  }
  for (int i = draws.integer(0, 3); i > 0; --i) detail::add_lead(draws, a.devices);
  if (draws.chance(0.25)) detail::add_catheter(draws, a.devices);
  a.texture = draws.bits();

  const bool covid = condition == Condition::Covid;
  const int focal = covid ? draws.integer(5, 8) : draws.integer(3, 7), overlaps = draws.integer(0, 3);
  const auto kind = covid ? Patch::Kind::GroundGlass : Patch::Kind::SoftTissue;
  for (int i = 0; i < focal; ++i) a.patches.push_back(detail::make_patch(draws, kind, a.lungs, 0.28));
  for (int i = 0; i < overlaps; ++i) {
    a.patches.push_back(detail::make_patch(draws, Patch::Kind::SoftTissue, a.lungs, 0.45));
  }
  return a;
}

}  // namespace phantom
