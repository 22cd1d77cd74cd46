#include "result.hpp"

#include <cxrnet/core/error.hpp>
#include <cxrnet/report/gnuplot.hpp>
#include <cxrnet/report/text.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace cxrnet::fusion {

namespace {

/// Kinds of operations that stand apart in the bars, by the beginning of their description. Okabe and Ito's colours.
struct Kind {
  std::string_view begins, title, colour;
};
constexpr std::array<Kind, 5> kinds{{{"convolution", "convolution and what is fused to it", "#0072B2"},
                                     {"bias", "bias", "#E69F00"},
                                     {"relu", "ReLU", "#D55E00"},
                                     {"max_pool", "max pool", "#009E73"},
                                     {"", "other operations", "#999999"}}};

std::size_t kind_of(const OperationResult& o) {
  std::size_t kind = 0;
  while (!o.operation.starts_with(kinds[kind].begins)) ++kind;
  return kind;
}

/// Text between single quotes that gnuplot takes as it stands.
std::string in_quotes(std::string_view text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("''") : std::string(1, c);
  return result + "'";
}

/// A stack's name in the plot: without what all shapes share, and over two lines.
std::string label(const StackResult& result) {
  constexpr std::string_view all = "conv+bias+relu+pool ";
  std::string name = result.name;
  if (name.starts_with(all)) name.erase(0, all.size());
  const std::size_t at = name.find(" at ");
  return at == std::string::npos ? name : name.substr(0, at) + "\\n" + name.substr(at + 1);
}

std::string number(double value) { return round_trip(value); }

/// Bars: each variant's time by kind of operation, in percent of the unfused variant's.
std::string bars(const std::vector<const StackResult*>& stacks) {
  std::string rows, labels, tics;
  double x = 0, highest = 100;
  for (const StackResult* stack : stacks) {
    const double first = x;
    const double unfused = stack->variants.front().seconds;
    for (const VariantResult& v : stack->variants) {
      std::array<double, kinds.size()> parts{};
      for (const OperationResult& o : v.operations) parts[kind_of(o)] += 100 * o.seconds / unfused;
      // Each kind's bar begins at the ground, and those below are drawn over it.
      rows += number(x);
      double top = std::accumulate(parts.begin(), parts.end(), 0.0);
      highest = std::max(highest, top);
      if (&v == &stack->variants.back()) {
        labels += "set label " + in_quotes("×" + with_decimals(v.speed_up, 2)) + " at " + number(x) + "," + number(top) +
                  " left rotate by 90 offset 0,0.4 font ',11'\n";
      }
      for (std::size_t k = kinds.size(); k-- > 0;) {
        rows += " " + number(top);
        top -= parts[k];
      }
      rows += "\n";
      x += 1;
    }
    tics += (tics.empty() ? "" : ", ") + std::string("\"") + label(*stack) + "\" " + number((first + x - 1) / 2);
    x += 1;
  }
  std::string curves;
  for (std::size_t k = 0; k < kinds.size(); ++k) {
    const std::size_t kind = kinds.size() - 1 - k;
    const bool present = std::any_of(stacks.begin(), stacks.end(), [&](const StackResult* stack) {
      return std::any_of(stack->variants.begin(), stack->variants.end(), [&](const VariantResult& v) {
        return std::any_of(v.operations.begin(), v.operations.end(), [&](const auto& o) { return kind_of(o) == kind; });
      });
    });
    if (!present) continue;
    curves += (curves.empty() ? "" : ", ") + std::string("$bars using 1:") + std::to_string(k + 2) +
              " with boxes linecolor rgb '" + std::string(kinds[kind].colour) + "' title '" + std::string(kinds[kind].title) + "'";
  }
  return "$bars << EOD\n" + rows + "EOD\n" + labels +
         "set boxwidth 0.9\nset style fill solid 1.0 noborder\n"
         "set ylabel 'Time, % of unfused' offset 1,0\n"
         "set xrange [-1:" + number(x - 1) + "]\nset yrange [0:" + number(1.16 * highest) + "]\n"
         "set xtics (" + tics + ") scale 0 font ',10.5'\nset ytics 0,20\n"
         "set key at screen 0.5,0.925 center center horizontal maxrows 1 Left reverse samplen 1 width 1\n"
         "plot " + curves + "\nunset label\n";
}

/// The roofline, and each stack's way from unfused to fused: what is really computed a second over bytes moved.
std::string roofline(const Machine& machine, const std::vector<const StackResult*>& stacks) {
  struct Point {
    double x, y;
  };
  const auto point = [](const VariantResult& v) {
    return Point{v.done().flops / v.done().bytes, v.done().flops / v.seconds * 1e-9};
  };
  double left = machine.roof.ridge(), right = left, low = machine.roof.flops * 1e-9, high = low;
  std::string open, closed, ways;
  for (const StackResult* stack : stacks) {
    const auto& variants = stack->variants;
    for (const VariantResult& v : variants) {
      if (v.done().flops == 0) continue;
      const auto [x, y] = point(v);
      left = std::min(left, x);
      right = std::max(right, x);
      low = std::min(low, y);
      high = std::max(high, y);
      ways += number(x) + " " + number(y) + "\n";
    }
    ways += "\n";
    if (variants.back().done().flops == 0) continue;
    const auto [x, y] = point(variants.front());
    open += number(x) + " " + number(y) + "\n";
    const auto [to_x, to_y] = point(variants.back());
    closed += number(to_x) + " " + number(to_y) + " \"" + label(*stack) + "\"\n";
  }
  left /= 1.7;
  right *= 1.7;
  low /= 1.5;
  high *= 1.35;
  const double peak = machine.roof.flops * 1e-9, slope = machine.roof.bytes * 1e-9;
  return "$open << EOD\n" + open + "EOD\n$closed << EOD\n" + closed + "EOD\n$ways << EOD\n" + ways + "EOD\n"
         "set logscale xy\nset format y '%g'\nset format x '%g'\n"
         "set xrange [" + number(left) + ":" + number(right) + "]\nset yrange [" + number(low) + ":" + number(high) + "]\n"
         "set xtics autofreq scale 0.6 font ',12'\nset ytics autofreq\nset mxtics 10\nset grid xtics ytics\n"
         "set xlabel 'Operations done for each byte moved, FLOP/byte' offset 0,0.4\n"
         "set ylabel 'Operations done a second, GFLOP/s' offset 1,0\n"
         "set key at graph 0.99,0.04 right bottom vertical maxrows 3 Right noreverse samplen 2\n"
         "roof(x) = x * " + number(slope) + " < " + number(peak) + " ? x * " + number(slope) + " : " + number(peak) + "\n"
         "plot roof(x) with lines linecolor rgb '#222222' linewidth 2.5 title 'roofline: " + with_decimals(peak, 0) + " GFLOP/s, " +
         with_decimals(slope, 1) + " GB/s', "
         "$ways using 1:2 with lines linecolor rgb '#AAAAAA' linewidth 1.3 notitle, "
         "$open using 1:2 with points pointtype 6 pointsize 1.1 linewidth 2 linecolor rgb '#D55E00' title 'unfused', "
         "$closed using 1:2 with points pointtype 7 pointsize 1.1 linecolor rgb '#0072B2' title 'fused', "
         "$closed using 1:2:3 with labels left offset 0.8,0.2 font ',9.5' textcolor rgb '#444444' notitle\n";
}

std::string script(const Machine& machine, const std::vector<const StackResult*>& stacks, std::string_view terminal) {
  const std::string title = "Layer fusion, batch " + std::to_string(stacks.front()->batch) + ", " +
                            std::to_string(machine.threads) + " threads, " + machine.software + ", backend " + machine.backend;
  return "set terminal " + std::string(terminal) + "\n"
         "set border 3 linecolor rgb '#444444' linewidth 1.2\n"
         "set tics nomirror out scale 0.6 textcolor rgb '#222222'\n"
         "set grid ytics linetype 1 linecolor rgb '#E3E3E3' linewidth 1\n"
         "set multiplot layout 2,1\n"
         "set label 1000 " + in_quotes(title) + " at screen 0.5,0.97 center font ',17'\n"
         "set lmargin at screen 0.075\nset rmargin at screen 0.985\nset tmargin at screen 0.9\nset bmargin at screen 0.565\n" +
         bars(stacks) + "set tmargin at screen 0.475\nset bmargin at screen 0.075\n" + roofline(machine, stacks) + "unset multiplot\n";
}

}  // namespace

void write_plot(const std::filesystem::path& file, const Machine& machine, const std::vector<StackResult>& results) {
  int batch = 0;
  for (const StackResult& result : results) batch = std::max(batch, result.batch);
  const bool any = std::any_of(results.begin(), results.end(), [](const StackResult& r) { return r.drawn; });
  std::vector<const StackResult*> stacks;
  for (const StackResult& result : results) {
    if (result.batch == batch && (result.drawn || !any)) stacks.push_back(&result);
  }
  const std::string look = " font 'DejaVu Sans,13' background rgb 'white'";
  if (file.extension() == ".svg") {
    run_gnuplot(script(machine, stacks, "svg dynamic size 1300,1150" + look), file, "</svg>");
  } else {
    run_gnuplot(script(machine, stacks, "pngcairo size 1950,1725 fontscale 1.125 linewidth 1.5 pointscale 1.5" + look), file,
                std::string_view("IEND\xae\x42\x60\x82", 8));
  }
}

}  // namespace cxrnet::fusion
