#pragma once
#include <cxrnet/report/text.hpp>
#include <cxrnet/train/history.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace cxrnet {

/// Live: a line that is redrawn in place. Plain: one whole line for each epoch, for logs and pipes.
enum class ProgressStyle { Live, Plain };
enum class ProgressGlyphs { Unicode, Ascii };

/// How progress is shown. The defaults suit standard output: Live and as wide as the terminal where there is one.
struct ProgressOptions {
  ProgressStyle style = standard_output_style();
  ProgressGlyphs glyphs = locale_glyphs();
  int columns = 0;  ///< Of the terminal; 0 asks it at each drawing.
  std::function<double()> seconds = [] {  ///< A clock that only goes forward.
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  };

  /// Live where standard output is a terminal that can redraw a line.
  [[nodiscard]] static ProgressStyle standard_output_style() {
    const char* terminal = std::getenv("TERM");
    const bool redraws = terminal != nullptr && std::string_view(terminal) != "dumb";
    return ::isatty(STDOUT_FILENO) != 0 && redraws ? ProgressStyle::Live : ProgressStyle::Plain;
  }
  /// Unicode where the environment's locale says UTF-8.
  [[nodiscard]] static ProgressGlyphs locale_glyphs() {
    for (const char* variable : {"LC_ALL", "LC_CTYPE", "LANG"}) {
      const char* value = std::getenv(variable);
      if (value == nullptr || *value == '\0') continue;
      const std::string_view locale(value);
      for (const std::string_view name : {"UTF-8", "utf-8", "UTF8", "utf8"})
        if (locale.find(name) != std::string_view::npos) return ProgressGlyphs::Unicode;
      break;
    }
    return ProgressGlyphs::Ascii;
  }
};

/// A duration as Keras shows it: 345ms, 12s, 2:05, 1:02:03.
[[nodiscard]] inline std::string short_duration(double seconds) {
  if (!(seconds >= 0.0) || seconds > 1e9) return "?";
  if (seconds < 0.9995) return with_decimals(seconds * 1e3, 0) + "ms";
  const auto whole = static_cast<long>(std::lround(seconds));
  if (whole < 60) return std::to_string(whole) + "s";
  const auto two_digits = [](long value) { return std::string(value < 10 ? "0" : "") + std::to_string(value); };
  const std::string tail = two_digits(whole % 60);
  if (whole < 3600) return std::to_string(whole / 60) + ":" + tail;
  return std::to_string(whole / 3600) + ":" + two_digits(whole / 60 % 60) + ":" + tail;
}

/// The line of each epoch as Keras users know it, with images/s and the time left. Called from one thread, in the
/// order on_epoch_begin, on_batch_end..., on_validation_begin, on_epoch_end.
class Progress {
 public:
  /// Writes to `out`, which must outlive this.
  explicit Progress(std::ostream& out, ProgressOptions options = {}) : out_(out), options_(std::move(options)) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Ends a line that is still open, after an interrupt say.
  ~Progress() { end_line(); }

  /// `epoch` from 1 of `epochs`, each of `steps` batches.
  void on_epoch_begin(int epoch, int epochs, int steps) {
    end_line();
    title_ = "Epoch " + std::to_string(epoch) + "/" + std::to_string(epochs);
    steps_ = steps;
    step_ = 0;
    images_ = 0.0;
    elapsed_ = 0.0;
    begin_ = options_.seconds();
    drawn_ = -1.0;
    bar_width_ = 20;
    if (options_.style == ProgressStyle::Live) out_ << title_ << '\n' << std::flush;
  }

  /// After batch `step` (from 1) of `images` images; loss and accuracy are means over the epoch so far.
  void on_batch_end(int step, int images, double loss, double accuracy) {
    step_ = step;
    images_ += images;
    elapsed_ = options_.seconds() - begin_;
    const bool due = drawn_ < 0.0 || elapsed_ - drawn_ >= 0.05 || step >= steps_;
    if (options_.style == ProgressStyle::Plain || !due) return;
    const double left = elapsed_ / std::max(1, step) * std::max(0, steps_ - step);
    draw(" - ETA " + short_duration(left) + figures("", accuracy, loss));
    drawn_ = elapsed_;
  }

  /// The training batches are done and the validation set is next.
  void on_validation_begin() {
    if (options_.style == ProgressStyle::Live) draw(" - validating");
  }

  /// The epoch's figures; those that are NaN are left out.
  void on_epoch_end(const EpochRecord& record) {
    const std::string result =
        figures("", record.accuracy, record.loss) + figures("val_", record.val_accuracy, record.val_loss);
    const double total = std::isfinite(record.seconds) ? record.seconds : options_.seconds() - begin_;
    if (options_.style == ProgressStyle::Live) {
      draw_line(meter(total) + result, Cut::No);
      end_line();
    } else {
      out_ << title_ << " - " << meter(total) << result << '\n' << std::flush;
    }
  }

 private:
  enum class Cut { No, ToTerminal };

  [[nodiscard]] static std::string figures(const std::string& prefix, double accuracy, double loss) {
    std::string text;
    if (!std::isnan(accuracy)) text += " - " + prefix + "accuracy: " + with_decimals(accuracy, 4);
    if (!std::isnan(loss)) text += " - " + prefix + "loss: " + with_decimals(loss, 4);
    return text;
  }

  /// Time, time a step and images a second.
  [[nodiscard]] std::string meter(double total) const {
    std::string text = short_duration(total);
    if (step_ > 0) text += " " + short_duration(elapsed_ / step_) + "/step";
    if (elapsed_ > 0.0) text += " - " + with_decimals(images_ / elapsed_, 1) + " images/s";
    return text;
  }

  void draw(const std::string& rest) { draw_line(meter(options_.seconds() - begin_) + rest, Cut::ToTerminal); }

  /// Redraws the line: steps, a bar of what room is left, text. A line that is redrawn must not wrap, and its bar only
  /// ever shrinks within an epoch, lest it jump.
  void draw_line(const std::string& text, Cut cut) {
    const std::string total = std::to_string(steps_);
    const std::string count = right_aligned(std::to_string(step_), total.size()) + "/" + total + " ";
    if (cut == Cut::ToTerminal)
      bar_width_ = std::min(bar_width_, columns() - 2 - static_cast<int>(count.size() + text.size()));
    std::string line = count;
    if (bar_width_ >= 3) line += bar(bar_width_) + " ";
    line += text;
    if (cut == Cut::ToTerminal && bar_width_ < 3)  // ASCII here: there is no bar
      line.resize(std::min(line.size(), static_cast<std::size_t>(std::max(0, columns() - 1))));
    out_ << '\r' << line << "\x1b[K" << std::flush;
    open_ = true;
  }

  [[nodiscard]] std::string bar(int width) const {
    const bool unicode = options_.glyphs == ProgressGlyphs::Unicode;
    const int done = steps_ > 0 ? std::clamp(static_cast<int>(1.0 * width * step_ / steps_), 0, width) : 0;
    std::string text;
    for (int i = 0; i < width; ++i) text += i < done ? (unicode ? "━" : "=") : (unicode ? "─" : ".");
    return text;
  }

  [[nodiscard]] int columns() const {
    if (options_.columns > 0) return options_.columns;
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  }

  void end_line() {
    if (std::exchange(open_, false)) out_ << '\n' << std::flush;
  }

  std::ostream& out_;
  ProgressOptions options_;
  std::string title_;
  int steps_ = 0;
  int step_ = 0;
  double images_ = 0.0;
  double begin_ = 0.0;
  double elapsed_ = 0.0;  ///< From the epoch's beginning to the last batch's end.
  double drawn_ = -1.0;   ///< `elapsed_` at the last drawing.
  int bar_width_ = 20;
  bool open_ = false;
};

}  // namespace cxrnet
