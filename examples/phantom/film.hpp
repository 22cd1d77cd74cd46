// From a chest to an 8-bit grey film: position, strokes, exposure, focus, noise, markers, collimation.
#pragma once

#include "attenuation.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace phantom {

struct Size {
  int width, height;
};

namespace detail {

/// Where pixels lie on the chest: a rotation, a scale and a shift.
struct View {
  double cosine, sine, scale, shift_x, shift_y, middle_x, middle_y;

  [[nodiscard]] Point chest(double column, double row) const {
    const double x = (column - middle_x) * scale, y = (row - middle_y) * scale;
    return {cosine * x + sine * y + shift_x, cosine * y - sine * x + shift_y};
  }
  [[nodiscard]] Point pixel(Point p) const {
    const double x = p.x - shift_x, y = p.y - shift_y;
    return {(cosine * x - sine * y) / scale + middle_x, (sine * x + cosine * y) / scale + middle_y};
  }
};

class Plane {
 public:
  explicit Plane(Size size)
      : size_(size), values_(static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height)) {}

  [[nodiscard]] double& at(int column, int row) {
    return values_[static_cast<std::size_t>(row) * static_cast<std::size_t>(size_.width) +
                   static_cast<std::size_t>(column)];
  }
  [[nodiscard]] std::vector<double>& values() { return values_; }
  [[nodiscard]] Size size() const { return size_; }

  /// Draws a soft line over what is there, keeping the larger value; lengths in pixels.
  void draw(Point from, Point to, double radius, double strength) {
    const double soft = std::max(radius, 0.7);
    const auto first = [&](double a, double b) { return std::max(0, static_cast<int>(std::min(a, b) - soft - 1)); };
    const auto last = [&](double a, double b, int end) {
      return std::min(end - 1, static_cast<int>(std::max(a, b) + soft + 1));
    };
    const double dx = to.x - from.x, dy = to.y - from.y, length = dx * dx + dy * dy;
    for (int row = first(from.y, to.y); row <= last(from.y, to.y, size_.height); ++row) {
      for (int column = first(from.x, to.x); column <= last(from.x, to.x, size_.width); ++column) {
        const double px = column + 0.5 - from.x, py = row + 0.5 - from.y;
        const double t = length > 0 ? std::clamp((px * dx + py * dy) / length, 0.0, 1.0) : 0;
        const double r = std::hypot(px - t * dx, py - t * dy) / soft;
        if (r < 1) at(column, row) = std::max(at(column, row), strength * std::sqrt(1 - r * r) * radius / soft);
      }
    }
  }

  /// A binomial blur of three taps, mixed in by `amount`, along both axes.
  void blur(double amount) {
    const auto pass = [&](int across, int along, auto index) {
      std::vector<double> line(static_cast<std::size_t>(along));
      for (int i = 0; i < across; ++i) {
        for (int j = 0; j < along; ++j) line[static_cast<std::size_t>(j)] = index(i, j);
        for (int j = 0; j < along; ++j) {
          const double before = line[static_cast<std::size_t>(std::max(0, j - 1))];
          const double after = line[static_cast<std::size_t>(std::min(along - 1, j + 1))];
          index(i, j) += amount * (0.5 * (before + after) - index(i, j));
        }
      }
    };
    pass(size_.height, size_.width, [&](int i, int j) -> double& { return at(j, i); });
    pass(size_.width, size_.height, [&](int i, int j) -> double& { return at(i, j); });
  }

 private:
  Size size_;
  std::vector<double> values_;
};

/// An L or an R of lead in an upper corner.
inline void draw_marker(Draws& draws, Plane& film, double brightness) {
  const Size size = film.size();
  const double unit = std::min(size.width, size.height) * draws.uniform(0.035, 0.055), stroke = unit * 0.13;
  const bool right = draws.chance(0.5);
  const Point corner{right ? size.width * draws.uniform(0.86, 0.90) : size.width * draws.uniform(0.05, 0.09),
                     size.height * draws.uniform(0.04, 0.12)};
  const auto line = [&](double x0, double y0, double x1, double y1) {
    film.draw({corner.x + x0 * unit, corner.y + y0 * unit}, {corner.x + x1 * unit, corner.y + y1 * unit}, stroke,
              brightness);
  };
  line(0, 0, 0, 1.4);
  if (right) {
    line(0, 1.4, 0.8, 1.4);
  } else {
    line(0, 0, 0.6, 0.05);
    line(0.6, 0.05, 0.8, 0.35);
    line(0.8, 0.35, 0.6, 0.68);
    line(0.6, 0.68, 0, 0.7);
    line(0.35, 0.7, 0.85, 1.4);
  }
}

}  // namespace detail

/// The film of one chest, 8-bit grey, row by row: a function of the key, the condition and the size.
[[nodiscard]] inline std::vector<std::uint8_t> expose(std::uint64_t key, Condition condition, Size size) {
  const Anatomy anatomy = draw_anatomy(derive(key, 1), condition);
  Draws draws(derive(key, 2));
  const double angle = draws.uniform(-7, 7) * std::numbers::pi / 180;
  const detail::View view{std::cos(angle),
                          std::sin(angle),
                          2 * draws.uniform(0.98, 1.18) / std::min(size.width, size.height),
                          draws.uniform(-0.06, 0.06),
                          draws.uniform(-0.12, 0.04),
                          size.width / 2.0,
                          size.height / 2.0};
  detail::Plane film(size), vessels(size), devices(size);
  const auto draw = [&](detail::Plane& plane, const Stroke& s) {
    plane.draw(view.pixel(s.from), view.pixel(s.to), s.width / view.scale, s.strength);
  };
  for (const Stroke& stroke : anatomy.vessels) draw(vessels, stroke);
  for (const Stroke& stroke : anatomy.devices) draw(devices, stroke);
  for (int row = 0; row < size.height; ++row) {
    for (int column = 0; column < size.width; ++column) {
      const Point p = view.chest(column + 0.5, row + 0.5);
      const Ray ray = trace(anatomy, p.x, p.y);
      film.at(column, row) = ray.attenuation + ray.air * vessels.at(column, row) + devices.at(column, row);
    }
  }
  film.blur(draws.uniform(0, 0.6));

  // The window of the display, a gamma, an uneven field and quantum noise, all unlike from film to film.
  auto sorted = film.values();
  const auto quantile = [&](double q) {
    const auto nth = sorted.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(sorted.size() - 1));
    std::nth_element(sorted.begin(), nth, sorted.end());
    return *nth;
  };
  const double dark = quantile(0.02), light = quantile(0.985);
  const double low = dark - draws.uniform(-0.05, 0.15) * (light - dark);
  const double high = light + draws.uniform(-0.10, 0.20) * (light - dark);
  const double gamma = std::exp(draws.uniform(-0.25, 0.25)), noise = draws.uniform(0.003, 0.010);
  const double tilt_x = draws.uniform(-0.10, 0.10), tilt_y = draws.uniform(-0.10, 0.10);
  for (int row = 0; row < size.height; ++row) {
    for (int column = 0; column < size.width; ++column) {
      double& v = film.at(column, row);
      v = std::pow(std::clamp((v - low) / (high - low), 0.0, 1.0), gamma);
      v *= 1 + tilt_x * (2.0 * column / size.width - 1) + tilt_y * (2.0 * row / size.height - 1);
      v += noise * (1.3 - 0.6 * v) * draws.normal();
    }
  }
  if (draws.chance(0.7)) detail::draw_marker(draws, film, draws.uniform(0.8, 1.0));
  const auto margin = [&](int extent) { return draws.chance(0.3) ? static_cast<int>(draws.uniform(0, 0.06) * extent) : 0; };
  const int left = margin(size.width), right = size.width - margin(size.width);
  const int top = margin(size.height), bottom = size.height - margin(size.height);
  std::vector<std::uint8_t> grey;
  grey.reserve(film.values().size());
  for (int row = 0; row < size.height; ++row) {
    for (int column = 0; column < size.width; ++column) {
      const bool open = column >= left && column < right && row >= top && row < bottom;
      const double v = open ? std::clamp(film.at(column, row), 0.0, 1.0) : 0.0;
      grey.push_back(static_cast<std::uint8_t>(255 * v + 0.5));
    }
  }
  return grey;
}

}  // namespace phantom
