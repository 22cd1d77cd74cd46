#include <cxrnet/report/gnuplot.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "catch.hpp"
#include "message.hpp"
#include "temp_folder.hpp"

using namespace cxrnet;
namespace fs = std::filesystem;

namespace {

/// A folder with a drawing already there and a pretended gnuplot, alone on the PATH while this lives.
class Pretended {
 public:
  explicit Pretended(const std::string& body) {
    fs::create_directories(folder_ / "bin");
    std::ofstream(drawing()) << "before";
    if (!body.empty()) {
      std::ofstream(folder_ / "bin/gnuplot") << "#!/bin/sh\n" << body << "\n";
      fs::permissions(folder_ / "bin/gnuplot", fs::perms::owner_all);
    }
    ::setenv("PATH", (folder_ / "bin").c_str(), 1);
  }
  Pretended(const Pretended&) = delete;
  Pretended& operator=(const Pretended&) = delete;
  ~Pretended() {
    ::setenv("PATH", before_.c_str(), 1);
  }
  [[nodiscard]] fs::path drawing() const { return folder_ / "drawing $(exit 9) 'x'.svg"; }
  [[nodiscard]] std::string content() const {
    std::ifstream stream(drawing(), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  /// The drawing and `bin`, and nothing else.
  [[nodiscard]] bool tidy() const {
    return std::distance(fs::directory_iterator(folder_), fs::directory_iterator()) == 2;
  }

 private:
  test::TempFolder temporary_;
  fs::path folder_ = temporary_.path();
  std::string before_ = std::getenv("PATH");
};

/// The error of drawing with a gnuplot that is this shell script; the old drawing must stay.
std::string failure(const std::string& body) {
  const Pretended gnuplot(body);
  try {
    run_gnuplot("script", gnuplot.drawing(), "</svg>");
  } catch (const FileError& error) {
    CHECK(gnuplot.content() == "before");
    CHECK(gnuplot.tidy());
    return error.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("gnuplot gets the script, no start-up files and no name of the drawing", "[report]") {
  const Pretended gnuplot("read line; echo \"<svg>$*|$line</svg>\"");
  run_gnuplot("set terminal svg\n", gnuplot.drawing(), "</svg>");
  CHECK(gnuplot.content() == "<svg>-d -|set terminal svg</svg>\n");
  CHECK(gnuplot.tidy());
}

TEST_CASE("Without gnuplot one sentence says how to get it", "[report]") {
  CHECK(failure("").find("apt install gnuplot-nox") != std::string::npos);
}

TEST_CASE("Whether there is a gnuplot can be asked before there is anything to draw", "[report]") {
  const auto answer = [](const std::string& body) {
    const Pretended gnuplot(body);
    return test::message_of<FileError>(require_gnuplot);
  };
  CHECK(answer("echo \"$*\"; [ \"$*\" = --version ]") == test::nothing_thrown);
  CHECK(test::has(answer(""), "gnuplot is not on the PATH; install it"));
  CHECK(test::has(answer("exit 1"), "gnuplot does not start"));
  CHECK(test::has(answer("kill -9 $$"), "gnuplot does not start"));
}

TEST_CASE("A gnuplot that fails is an error with its complaint", "[report]") {
  CHECK(failure("echo 'plot x'; echo '   ^' >&2; echo 'line 0: no such thing' >&2; exit 1").find("(line 0: no such") !=
        std::string::npos);
  CHECK(failure("echo '     \"stdin\" line 7: odd' >&2; exit 1").find("line 7: odd") != std::string::npos);
  CHECK(failure("exit 3").find("no reason given") != std::string::npos);
  CHECK(failure("kill -9 $$").find("gnuplot failed") != std::string::npos);
}

TEST_CASE("A drawing that is cut short is an error", "[report]") {
  CHECK(failure("exit 0").find("not complete") != std::string::npos);
  CHECK(failure("echo '<svg>'").find("not complete") != std::string::npos);
  CHECK(failure("echo '</svg> and more'").find("not complete") != std::string::npos);
}

TEST_CASE("A drawing that cannot be written is an error that names it", "[report]") {
  const fs::path file = fs::temp_directory_path() / "cxrnet-test-no-such-folder" / "drawing.svg";
  try {
    run_gnuplot("script", file, "</svg>");
    FAIL("drawn");
  } catch (const FileError& error) {
    CHECK(std::string(error.what()).find(file.string()) != std::string::npos);
  }
}
