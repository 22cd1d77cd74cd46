#include <cxrnet/io/isolated.hpp>

#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <sys/file.h>
#include <unistd.h>

#include "catch.hpp"
#include "message.hpp"
#include "temp_folder.hpp"

using cxrnet::detail::read_isolated;
using cxrnet::test::message_of;
using cxrnet::test::TempFolder;

TEST_CASE("tensors and metadata come back from the child", "[io]") {
  const cxrnet::NamedTensors model{{{"b", {2, 1}, {1, 2}}, {"a", {}, {3}}}, {{"k", "v"}}};
  const cxrnet::NamedTensors back = read_isolated("f", [&] { return model; });
  REQUIRE(back.tensors.size() == 2);
  CHECK(back.tensors[0].name == "b");
  CHECK(back.tensors[0].dims == model.tensors[0].dims);
  CHECK(back.tensors[0].values == model.tensors[0].values);
  CHECK(back.metadata == model.metadata);
}

TEST_CASE("errors come back with their type and text", "[io]") {
  const auto none = [](auto error) { return [error]() -> cxrnet::NamedTensors { throw error; }; };
  CHECK(message_of<cxrnet::FormatError>([&] { (void)read_isolated("f", none(cxrnet::FormatError("bad format"))); }) ==
        "bad format");
  CHECK(message_of<cxrnet::FileError>([&] { (void)read_isolated("f", none(cxrnet::FileError("bad file"))); }) == "bad file");
  CHECK(message_of<cxrnet::FormatError>([&] { (void)read_isolated("f", none(std::bad_alloc())); }) ==
        "'f' cannot be used as a weight file: std::bad_alloc");
}

TEST_CASE("a parser that crashes is an error, not a crash", "[io]") {
  const std::string damaged = "'f' is damaged: it makes its parser crash or hang; fetch or save it again";
  const auto dies = [&](int signal) {
    return message_of<cxrnet::FormatError>([&] {
      (void)read_isolated("f", [&]() -> cxrnet::NamedTensors {
        std::signal(signal, SIG_DFL);
        ::raise(signal);
        return {};
      });
    });
  };
  for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGXCPU}) CHECK(dies(signal) == damaged);
}

TEST_CASE("what is written in a child process is whole or not at all", "[io]") {
  const cxrnet::test::TempFolder temp;
  const auto path = temp.path() / "f";
  const auto put = [&](std::string_view text) {
    return [text](const std::filesystem::path& to) { std::ofstream(to) << text; };
  };
  const auto content = [&] {
    std::ifstream in(path);
    return std::string{std::istreambuf_iterator<char>(in), {}};
  };
  cxrnet::detail::write_isolated(path, put("first"));
  CHECK(content() == "first");
  const std::string failure = "cannot write '" + path.string() + "': ";
  const auto refused = [&](auto ends) {
    return message_of<cxrnet::FileError>([&] {
      cxrnet::detail::write_isolated(path, [&](const std::filesystem::path& to) {
        put("second")(to);
        ends();
      });
    });
  };
  CHECK(refused([] { throw cxrnet::FileError("no room"); }) == failure + "no room");
  CHECK(refused([] { ::raise(SIGKILL); }) == failure + "its writer crashed or hung; is the disk full?");
  CHECK(message_of<cxrnet::ArgumentError>([&] {
          cxrnet::detail::write_isolated(path, [](const auto&) { throw cxrnet::ArgumentError("no such layer"); });
        }) == "no such layer");
  CHECK(content() == "first");
  CHECK(std::distance(std::filesystem::directory_iterator(temp.path()), {}) == 1);
}

TEST_CASE("A child holds nothing that its parent has open", "[io]") {
  const TempFolder temp;
  const auto lock = temp.path() / "lock";
  const int descriptor = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  REQUIRE(::flock(descriptor, LOCK_EX | LOCK_NB) == 0);
  cxrnet::detail::write_isolated(temp.path() / "file", [&](const std::filesystem::path& to) {
    if (::fcntl(descriptor, F_GETFD) != -1) throw cxrnet::FileError("the lock is this process's too");
    std::ofstream(to) << "written";
  });
  CHECK(::flock(descriptor, LOCK_EX | LOCK_NB) == 0);
  ::close(descriptor);
}
