// The attenuation that a ray meets in the schematic chest of anatomy.hpp, strokes apart.
#pragma once

#include "anatomy.hpp"

namespace phantom {

namespace detail {

/// A tube seen from the side, `d` half-widths from its axis: brighter at its cortical edges.
[[nodiscard]] inline double tube(double d) {
  d = std::abs(d);
  return d >= 1 ? 0 : (0.55 + 0.45 * d * d) * ramp(0, 0.35, 1 - d);
}

[[nodiscard]] inline double body(const Anatomy& a, double x, double y) {
  const double trunk = a.torso + 0.05 * ramp(0.2, 1.2, y);
  const double half = 0.28 + (trunk + 0.16 - 0.28) * ramp(a.shoulder - 0.42, a.shoulder + 0.04, y) -
                      0.16 * ramp(a.shoulder + 0.2, a.shoulder + 0.8, y);
  const double u = std::abs(x) / half;
  double t = u < 1 ? a.tissue * std::pow(1 - u * u, 0.28) : 0;
  // Arms beside the trunk.
  const double arm = (std::abs(x) - (trunk + 0.20 + 0.10 * (y + 0.6))) / 0.17;
  if (y > a.shoulder - 0.05 && std::abs(arm) < 1) {
    t += 0.55 * a.tissue * std::sqrt(1 - arm * arm) * ramp(a.shoulder - 0.05, a.shoulder + 0.3, y);
    t += 0.8 * a.bone * tube(arm / 0.36) * ramp(a.shoulder, a.shoulder + 0.2, y);
  }
  return t;
}

/// Ribs (behind, then in front), clavicle, shoulder blade and humerus of one side.
[[nodiscard]] inline double bones(const Anatomy& a, const Lung& lung, double lateral, double y) {
  double t = 0;
  const double cage = lung.radial(lateral, std::min(y, lung.middle + 0.75 * lung.height));
  if (lateral > 0.05 && cage < 1.22) {
    const double fade = (1 - ramp(1.08, 1.22, cage)) * ramp(0.05, 0.12, lateral) *
                        (1 - 0.7 * ramp(-0.05, 0.15, y - lung.floor_at(lateral)));
    for (int i = 0; i < 10; ++i) {
      const double slope = a.rib_slope + 0.025 * i;
      const double behind = a.rib_first + a.rib_step * i - 0.10 * lateral + slope * lateral * lateral;
      const double tangent = -0.10 + 2 * slope * lateral;
      const double d = (y - behind) / (0.030 * std::sqrt(1 + tangent * tangent));
      if (std::abs(d) < 1) t += a.bone * tube(d) * fade;
      if (i > 7) continue;
      const double wall = 0.82;
      const double front = a.rib_first + a.rib_step * i - 0.10 * wall + slope * wall * wall + 0.03 +
                           0.72 * (wall - lateral) - 0.25 * (wall - lateral) * (wall - lateral);
      const double e = (y - front) / 0.040;
      if (std::abs(e) < 1) t += 0.6 * a.bone * tube(e) * fade * ramp(0.28, 0.42, lateral);
    }
  }
  const double along = lateral / 0.95;
  if (along > 0.07 && along < 1.05) {
    const double axis = a.clavicle - 0.16 * along + 0.05 * std::sin(5.5 * along);
    t += 1.35 * a.bone * tube((y - axis) / (0.036 + 0.012 * std::abs(along - 0.5))) * ramp(0.07, 0.12, along) *
         (1 - ramp(0.98, 1.05, along));
  }
  const double blade = std::min({lateral - 0.70 - 0.10 * (y + 0.2), 1.02 - lateral - 0.35 * (y + 0.35), y + 0.62});
  t += 0.5 * a.bone * ramp(0, 0.03, blade) * (1.5 - 0.5 * ramp(0.01, 0.05, blade));
  const double head = std::hypot(lateral - 1.10, y - a.shoulder - 0.05) / 0.14;
  return t + 1.3 * a.bone * (1 - ramp(0.85, 1, head));
}

/// What lies between the lungs: `solid`, 0 to 1, displaces their air; `attenuation` comes on top.
struct Midline {
  double solid, attenuation;
};

/// Mediastinum, aortic knob and heart; windpipe and spine.
[[nodiscard]] inline Midline midline(const Anatomy& a, double x, double y) {
  const double centre = a.bend * y;
  const double m = (x - centre - 0.02) / (0.135 + 0.05 * ramp(-0.5, -0.95, y) + 0.03 * ramp(0.2, 0.6, y));
  const double vessels = std::exp(-m * m * m * m);
  const double knob = 1 - ramp(0.70, 1.05, std::hypot(x - 0.105, y + 0.33) / 0.11);
  const double c = std::cos(a.heart_tilt), s = std::sin(a.heart_tilt);
  const double u = (c * (x - a.heart.x) + s * (y - a.heart.y)) / a.heart_long;
  const double v = (c * (y - a.heart.y) - s * (x - a.heart.x)) / a.heart_short;
  const double heart = 1 - ramp(0.80, 1.04, std::sqrt(u * u + v * v));
  const double solid = 1 - (1 - vessels) * (1 - 0.8 * knob) * (1 - heart);
  const double windpipe = (x - centre) / 0.05;
  const double spine = (x - centre) / 0.10;
  const double disc = std::abs(std::remainder(y, 0.135)) / 0.0675;
  double t = a.heart_strength * solid - 0.07 * std::exp(-std::pow(windpipe, 4)) * (1 - ramp(-0.30, -0.16, y));
  t += 0.06 * (1 - ramp(0.8, 1.05, std::abs(spine))) * (0.5 + 0.5 * ramp(0.12, 0.35, disc));
  return {solid, t};
}

}  // namespace detail

/// Attenuation at a point, and the air of the lung there (which vessels are drawn in proportion to).
struct Ray {
  double attenuation, air;
};

[[nodiscard]] inline Ray trace(const Anatomy& a, double x, double y) {
  const Lung& lung = a.lungs[x > 0 ? 1 : 0];
  const double lateral = std::abs(x);
  const double body = detail::body(a, x, y);
  const detail::Midline midline = detail::midline(a, x, y);
  const double air = lung.air(lateral, y) * (1 - 0.75 * midline.solid);
  double t = body - 0.40 * a.tissue / 0.6 * air;
  t += (midline.attenuation + detail::bones(a, lung, lateral, y)) * ramp(0, 0.2, body);
  const double belly = y - lung.floor_at(std::min(lateral, 0.85));
  t += 0.10 * ramp(0, 0.10, belly) * ramp(0, 0.2, body);
  if (a.gas > 0 && x > 0) {
    const double bubble = std::hypot((x - a.gas_x) / 0.15, (y - lung.dome - 0.13) / 0.075);
    t -= a.gas * (1 - ramp(0.6, 1, bubble + 0.2 * (fractal_noise(a.texture + 2, 9 * x, 9 * y, 2) - 0.5)));
  }
  for (const double side : {-0.22, 0.22}) {  // the roots of the lungs
    const double r = std::hypot(x - side, (y - 0.0) / 1.6) / 0.13;
    t += 0.7 * a.vessel * std::exp(-r * r);
  }
  double patches = 0;  // where they overlap, no denser than consolidation
  for (const Patch& patch : a.patches) patches += patch.attenuation(x, y);
  t += 0.35 * (1 - std::exp(-patches / 0.35)) * std::min(1.0, 1.6 * air);
  t += 0.05 * (fractal_noise(a.texture, 5 * x, 5 * y, 5) - 0.5) * ramp(0, 0.2, body);
  return {t, air};
}

}  // namespace phantom
