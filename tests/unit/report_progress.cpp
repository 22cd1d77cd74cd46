#include <cxrnet/report/progress.hpp>

#include <algorithm>
#include <sstream>
#include <string>

#include "catch.hpp"

using namespace cxrnet;

namespace {

/// Progress onto a string, with a clock set by hand.
struct Screen {
  double now = 100.0;
  std::ostringstream text;
  ProgressOptions options(ProgressStyle style, int columns = 200, ProgressGlyphs glyphs = ProgressGlyphs::Unicode) {
    return {.style = style, .glyphs = glyphs, .columns = columns, .seconds = [this] { return now; }};
  }
};

/// The last drawing of the line: what follows the last carriage return, without the erasing sequence.
std::string last_line(const std::string& text) {
  std::string line = text.substr(text.rfind('\r') + 1);
  const std::size_t erase = line.find("\x1b[K");
  REQUIRE(erase != std::string::npos);
  return line.erase(erase, 3);
}

const EpochRecord record{.epoch = 3, .loss = 0.45, .accuracy = 0.8125, .val_loss = 0.3, .val_accuracy = 0.875,
                         .seconds = 15, .learning_rate = 1e-3};

}  // namespace

TEST_CASE("The live line is Keras's, with images/s and the time left", "[report]") {
  Screen screen;
  Progress progress(screen.text, screen.options(ProgressStyle::Live));
  progress.on_epoch_begin(3, 10, 6);
  CHECK(screen.text.str() == "Epoch 3/10\n");
  for (int step = 1; step <= 4; ++step) {
    screen.now += 2.0;
    progress.on_batch_end(step, 32, 0.4512, 0.8125);
  }
  CHECK(last_line(screen.text.str()) ==
        "4/6 ━━━━━━━━━━━━━─────── 8s 2s/step - 16.0 images/s - ETA 4s - accuracy: 0.8125 - loss: 0.4512");
  screen.now += 2.0;
  progress.on_batch_end(5, 32, 0.4512, 0.8125);
  screen.now += 2.0;
  progress.on_batch_end(6, 32, 0.4512, 0.8125);
  progress.on_validation_begin();
  CHECK(last_line(screen.text.str()) == "6/6 ━━━━━━━━━━━━━━━━━━━━ 12s 2s/step - 16.0 images/s - validating");
  screen.now += 3.0;
  progress.on_epoch_end(record);
  CHECK(last_line(screen.text.str()) ==
        "6/6 ━━━━━━━━━━━━━━━━━━━━ 15s 2s/step - 16.0 images/s - accuracy: 0.8125 - loss: 0.4500 - "
        "val_accuracy: 0.8750 - val_loss: 0.3000\n");
}

TEST_CASE("Without a terminal there is one line for each epoch and no control character", "[report]") {
  Screen screen;
  Progress progress(screen.text, screen.options(ProgressStyle::Plain));
  progress.on_epoch_begin(3, 10, 2);
  screen.now += 2.0;
  progress.on_batch_end(1, 32, 0.5, 0.5);
  screen.now += 2.0;
  progress.on_batch_end(2, 16, 0.45, 0.8125);
  progress.on_validation_begin();
  CHECK(screen.text.str().empty());
  progress.on_epoch_end(record);
  CHECK(screen.text.str() ==
        "Epoch 3/10 - 15s 2s/step - 12.0 images/s - accuracy: 0.8125 - loss: 0.4500 - val_accuracy: 0.8750 - "
        "val_loss: 0.3000\n");
}

TEST_CASE("The live line never wraps while it is redrawn", "[report]") {
  for (const auto glyphs : {ProgressGlyphs::Unicode, ProgressGlyphs::Ascii})
    for (int columns = 1; columns <= 120; ++columns) {
      Screen screen;
      Progress progress(screen.text, screen.options(ProgressStyle::Live, columns, glyphs));
      progress.on_epoch_begin(1, 1, 1000);
      screen.now += 0.5;
      progress.on_batch_end(7, 32, 0.5, 0.5);
      CHECK(display_width(last_line(screen.text.str())) <= static_cast<std::size_t>(columns - 1));
    }
}

TEST_CASE("The bar shrinks with its text and does not grow again within an epoch", "[report]") {
  Screen screen;
  Progress progress(screen.text, screen.options(ProgressStyle::Live, 85, ProgressGlyphs::Ascii));
  progress.on_epoch_begin(1, 2, 2);
  screen.now += 1.0;
  progress.on_batch_end(1, 32, 0.5, 0.5);
  const std::string first = last_line(screen.text.str());
  CHECK(first.find("1/2 =====..... 1s ") == 0);
  screen.now += 1.0;
  progress.on_batch_end(2, 32, 0.5, 0.5);
  progress.on_validation_begin();
  CHECK(last_line(screen.text.str()).find("2/2 ========= 2s ") == 0);
  progress.on_epoch_end(record);
  CHECK(last_line(screen.text.str()).find("2/2 ========= 15s ") == 0);
}

TEST_CASE("The live line is redrawn twenty times a second at most, and at the last step", "[report]") {
  Screen screen;
  Progress progress(screen.text, screen.options(ProgressStyle::Live));
  progress.on_epoch_begin(1, 1, 1000);
  for (int step = 1; step <= 1000; ++step) {
    screen.now += 0.001;
    progress.on_batch_end(step, 1, 0.5, 0.5);
  }
  const std::string text = screen.text.str();
  CHECK(std::count(text.begin(), text.end(), '\r') <= 22);
  CHECK(last_line(text).find("1000/1000") == 0);
}

TEST_CASE("An interrupted line is ended, once", "[report]") {
  Screen screen;
  {
    Progress progress(screen.text, screen.options(ProgressStyle::Live, 100, ProgressGlyphs::Ascii));
    progress.on_epoch_begin(1, 2, 4);
    screen.now += 1.0;
    progress.on_batch_end(2, 32, 0.5, 0.5);
  }
  const std::string text = screen.text.str();
  CHECK(last_line(text).find("2/4 ==========.......... 1s 500ms/step") == 0);
  CHECK(text.back() == '\n');
  CHECK(text[text.size() - 2] == 'K');
}

TEST_CASE("No step, no time and no validation divide nothing by zero", "[report]") {
  Screen screen;
  Progress progress(screen.text, screen.options(ProgressStyle::Live));
  progress.on_epoch_begin(1, 1, 0);
  progress.on_batch_end(0, 0, 0.5, 0.5);
  progress.on_epoch_end({.epoch = 1, .loss = 0.5, .accuracy = 0.5});
  CHECK(last_line(screen.text.str()) == "0/0 ──────────────────── 0ms - accuracy: 0.5000 - loss: 0.5000\n");
}

TEST_CASE("Durations are short", "[report]") {
  CHECK(short_duration(0.345) == "345ms");
  CHECK(short_duration(0.9999) == "1s");
  CHECK(short_duration(59.4) == "59s");
  CHECK(short_duration(125) == "2:05");
  CHECK(short_duration(3723) == "1:02:03");
  CHECK(short_duration(-1) == "?");
  CHECK(short_duration(1e300) == "?");
}
