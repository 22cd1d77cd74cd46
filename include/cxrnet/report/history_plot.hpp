#pragma once
#include <cxrnet/core/error.hpp>
#include <cxrnet/report/gnuplot.hpp>
#include <cxrnet/report/text.hpp>
#include <cxrnet/train/history.hpp>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace cxrnet {

namespace detail {

/// The smallest of 1, 2, 5, 10, 20, 50... that leaves at most ten steps in `span`.
inline int epoch_step(int span) {
  for (int power = 1; power < std::numeric_limits<int>::max() / 10; power *= 10)
    for (const int digit : {1, 2, 5})
      if (span / (digit * power) <= 10) return digit * power;
  return span;
}

struct AxisRange {
  double low = 0.0;
  double high = 1.0;
  std::string_view tics = "autofreq";
};

inline AxisRange finite_range(const History& history, double EpochRecord::*train, double EpochRecord::*validation) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  AxisRange range{.low = infinity, .high = -infinity};
  for (const EpochRecord& record : history.epochs)
    for (const double value : {record.*train, record.*validation})
      if (std::isfinite(value)) range = {.low = std::min(range.low, value), .high = std::max(range.high, value)};
  return range.low <= range.high ? range : AxisRange{};
}

/// Whole tenths around the curves, two at least, and a little room above so that a curve at 1 is not cut.
inline AxisRange accuracy_axis(AxisRange data) {
  const double high = std::min(1.0, std::ceil((data.high + 0.02) * 10) / 10);
  const double low = std::max(0.0, std::min(high - 0.2, std::floor((data.low - 0.02) * 10) / 10));
  return {low, high + 0.02 * (high - low), high - low < 0.25 ? "0.05" : "0.1"};
}

inline AxisRange loss_axis(AxisRange data) { return {.high = data.high > 0.0 ? 1.06 * data.high : 1.0}; }

inline std::string plot_number(double value) { return std::isfinite(value) ? round_trip(value) : "NaN"; }

inline std::string panel(const History& history, std::string_view quantity, std::string_view label,
                         AxisRange axis, double EpochRecord::*train, double EpochRecord::*validation,
                         int column) {
  const auto measured = [&](double EpochRecord::*figure) {
    return std::any_of(history.epochs.begin(), history.epochs.end(),
                       [=](const EpochRecord& record) { return std::isfinite(record.*figure); });
  };
  std::string curves;
  if (measured(train)) curves += "$history using 1:" + std::to_string(column) + " title 'Train' linestyle 1";
  if (measured(validation))
    curves += std::string(curves.empty() ? "" : ", ") + "$history using 1:" + std::to_string(column + 1) +
              " title 'Validation' linestyle 2";
  if (curves.empty()) curves = "NaN notitle";
  return "set title 'Model " + std::string(quantity) + "'\n" +
         "set ylabel '" + std::string(label) + "' offset 1.2,0\n" +
         "set yrange [" + plot_number(axis.low) + ":" + plot_number(axis.high) + "]\n" +
         "set ytics " + std::string(axis.tics) + "\nplot " + curves + "\n";
}

}  // namespace detail

/// The gnuplot script of the plot that Keras users know: accuracy left, loss right, over the epochs. `terminal` is
/// gnuplot's, with its options. Colours are Okabe and Ito's, told apart without colour too. A dotted line stands after
/// each epoch of `phase_ends`. Needs one epoch at least.
[[nodiscard]] inline std::string history_plot_script(const History& history, std::string_view terminal,
                                                     const std::vector<int>& phase_ends = {}) {
  if (history.epochs.empty())
    throw ArgumentError("there is no epoch to plot; train for at least one");
  std::string script = "set terminal " + std::string(terminal) + "\n$history << EOD\n";
  for (const EpochRecord& record : history.epochs) {
    script += std::to_string(record.epoch);
    for (const double value : {record.accuracy, record.val_accuracy, record.loss, record.val_loss})
      script += " " + detail::plot_number(value);
    script += "\n";
  }
  const int first = history.epochs.front().epoch;
  const int last = history.epochs.back().epoch;
  const int step = detail::epoch_step(last - first);
  const double margin = std::max(0.3, 0.025 * (last - first));
  const bool points = history.epochs.size() <= 40;
  const std::string first_tic = std::to_string(step == 1 ? first : 0);
  script += "EOD\n"
            "set datafile missing 'NaN'\n"
            "set style line 1 linecolor rgb '#0072B2' linewidth 2.5 pointtype 7 pointsize 0.7\n"
            "set style line 2 linecolor rgb '#D55E00' linewidth 2.5 pointtype 5 pointsize 0.7 dashtype (9,4)\n"
            "set style data " + std::string(points ? "linespoints" : "lines") + "\n"
            "set border 3 linecolor rgb '#444444' linewidth 1.2\n"
            "set tics nomirror out scale 0.6 textcolor rgb '#222222'\n"
            "set grid xtics ytics linetype 1 linecolor rgb '#E3E3E3' linewidth 1\n"
            "set xlabel 'Epoch' offset 0,0.3\n"
            "set xrange [" + detail::plot_number(first - margin) + ":" + detail::plot_number(last + margin) + "]\n"
            "set xtics " + first_tic + "," + std::to_string(step) + "\n"
            "set format x '%.0f'\n"
            "set title font ',19'\n"
            "set key at graph 0.5,-0.25 center center horizontal maxrows 1 Left reverse samplen 3.5 width 1\n"
            "set multiplot layout 1,2 margins 0.085,0.98,0.24,0.89 spacing 0.1,0\n";
  for (const int epoch : phase_ends) {
    const std::string at = std::to_string(epoch) + ".5";
    script += "set arrow from " + at + ", graph 0 to " + at +
              ", graph 1 nohead back linecolor rgb '#444444' linewidth 1.2 dashtype (2,4)\n";
  }
  script += detail::panel(history, "accuracy", "Accuracy", detail::accuracy_axis(detail::finite_range(
                              history, &EpochRecord::accuracy, &EpochRecord::val_accuracy)),
                          &EpochRecord::accuracy, &EpochRecord::val_accuracy, 2);
  script += detail::panel(history, "loss", "Loss", detail::loss_axis(detail::finite_range(
                              history, &EpochRecord::loss, &EpochRecord::val_loss)),
                          &EpochRecord::loss, &EpochRecord::val_loss, 4);
  return script + "unset multiplot\n";
}

/// Draws the history to `file`, an .svg or a .png, whole or not at all. Throws ArgumentError where there is no epoch or
/// the ending is another, FileError where gnuplot is missing or the file cannot be written.
inline void write_history_plot(const std::filesystem::path& file, const History& history,
                               const std::vector<int>& phase_ends = {}) {
  const std::string look = " font 'DejaVu Sans,15' background rgb 'white'";
  if (file.extension() == ".svg") {
    run_gnuplot(history_plot_script(history, "svg dynamic size 1200,500" + look, phase_ends), file, "</svg>");
  } else if (file.extension() == ".png") {  // one and a half times the SVG; its fonts are in points, 4/3 of a pixel
    const std::string terminal = "pngcairo size 1800,750 fontscale 1.125 linewidth 1.5 pointscale 1.5" + look;
    run_gnuplot(history_plot_script(history, terminal, phase_ends), file, std::string_view("IEND\xae\x42\x60\x82", 8));
  } else {
    throw ArgumentError("cannot draw '" + file.string() + "': name a file that ends in .svg or .png");
  }
}

}  // namespace cxrnet
