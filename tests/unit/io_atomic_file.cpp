#include <cxrnet/io/atomic_file.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "catch.hpp"
#include "message.hpp"
#include "temp_folder.hpp"

namespace fs = std::filesystem;
using cxrnet::test::message_of;
using cxrnet::test::TempFolder;

namespace {

std::string read_text(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

// Limits the size of files this process can write, as a full disk would; restored at the end.
class SmallDisk {
 public:
  explicit SmallDisk(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    rlimit now = before_;
    now.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &now);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace

TEST_CASE("write_atomically writes, replaces and leaves nothing beside", "[io]") {
  const TempFolder temp;
  const fs::path file = temp.path() / "a.txt";
  cxrnet::write_atomically(file, "one");
  CHECK(read_text(file) == "one");
  cxrnet::write_atomically(file, std::string("two, longer\0!", 13));
  CHECK(read_text(file) == std::string("two, longer\0!", 13));
  cxrnet::write_atomically(file, "");
  CHECK(read_text(file).empty());
  CHECK(entries(temp.path()) == 1);
}

TEST_CASE("an AtomicFile not committed leaves the old file and no temporary", "[io]") {
  const TempFolder temp;
  const fs::path file = temp.path() / "a.txt";
  cxrnet::write_atomically(file, "old");
  {
    cxrnet::AtomicFile atomic(file);
    CHECK(atomic.temporary().parent_path() == file.parent_path());
    std::ofstream(atomic.temporary()) << "half";
    CHECK(entries(temp.path()) == 2);
  }
  CHECK(read_text(file) == "old");
  CHECK(entries(temp.path()) == 1);
}

TEST_CASE("two AtomicFiles of one name do not share a temporary", "[io]") {
  const TempFolder temp;
  cxrnet::AtomicFile first(temp.path() / "a"), second(temp.path() / "a");
  CHECK(first.temporary() != second.temporary());
  std::ofstream(first.temporary()) << "1";
  std::ofstream(second.temporary()) << "2";
  second.commit();
  first.commit();
  CHECK(read_text(temp.path() / "a") == "1");
}

TEST_CASE("a link's target is replaced, the link stays", "[io]") {
  const TempFolder temp;
  cxrnet::write_atomically(temp.path() / "target", "old");
  fs::create_symlink("target", temp.path() / "link");
  cxrnet::write_atomically(temp.path() / "link", "new");
  CHECK(fs::is_symlink(temp.path() / "link"));
  CHECK(read_text(temp.path() / "target") == "new");
}

TEST_CASE("paths that cannot be written are named, with what to do", "[io]") {
  const TempFolder temp;
  cxrnet::write_atomically(temp.path() / "file", "x");
  const auto write = [](const fs::path& path) { return message_of([&] { cxrnet::write_atomically(path, "x"); }); };

  const fs::path missing = temp.path() / "missing" / "a.txt";
  CHECK(write(missing) == "cannot write '" + missing.string() +
                              "': No such file or directory; create the folder first or choose another one");
  const fs::path below_file = temp.path() / "file" / "a.txt";
  CHECK(write(below_file) ==
        "cannot write '" + below_file.string() +
            "': Not a directory; a part of this path is a file where a folder should be, so choose another path");
  CHECK(write(temp.path()) ==
        "cannot write '" + temp.path().string() + "': Is a directory; this is a folder, so give the name of a file");
  CHECK(write("/dev/null") == "cannot write '/dev/null': it is not a regular file; choose another path");
  CHECK(write(temp.path() / std::string(300, 'n')).find("File name too long; choose a shorter name") !=
        std::string::npos);
  CHECK(entries(temp.path()) == 1);
}

TEST_CASE("require_writable throws what writing would, and leaves the place as it was", "[io]") {
  const TempFolder temp;
  const fs::path& folder = temp.path();
  cxrnet::require_writable(folder / "new");
  CHECK(entries(folder) == 0);
  cxrnet::write_atomically(folder / "old", "kept");
  cxrnet::require_writable(folder / "old");
  CHECK(read_text(folder / "old") == "kept");
  fs::create_directory(folder / "taken");
  for (const fs::path& path : {folder / "taken", folder / "old" / "below", folder / "absent" / "below"}) {
    CHECK(message_of<cxrnet::FileError>([&] { cxrnet::require_writable(path); }).find(path.string()) !=
          std::string::npos);
  }
  CHECK(entries(folder) == 2);
}

TEST_CASE("remove_leftovers takes what a killed process left, and nothing else", "[io]") {
  const TempFolder temp;
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  const auto leftover = [&](const std::string& middle) { return temp.path() / (".a.h5.tmp-" + middle); };
  cxrnet::AtomicFile alive(temp.path() / "a.h5");
  for (const fs::path& path : {leftover(std::to_string(child) + "-0"), leftover(std::to_string(child) + "-17"),
                               leftover("mine"), leftover("0-0"), temp.path() / "a.tmp-1-2"}) {
    std::ofstream(path) << "half";
  }
  CHECK(cxrnet::remove_leftovers(temp.path()) == 2);
  CHECK(entries(temp.path()) == 4);
  CHECK(fs::exists(alive.temporary()));
  CHECK(cxrnet::remove_leftovers(temp.path() / "absent") == 0);
}

TEST_CASE("a folder without permission is an error", "[io]") {
  const TempFolder temp;
  fs::permissions(temp.path(), fs::perms::owner_read | fs::perms::owner_exec | fs::perms::others_read |
                                   fs::perms::others_exec);
  const uid_t user = ::geteuid();
  if (user == 0) REQUIRE(::seteuid(65534) == 0);  // root may write anywhere
  const std::string file = message_of([&] { cxrnet::write_atomically(temp.path() / "a", "x"); });
  const std::string folder = message_of([&] { cxrnet::ensure_folder(temp.path()); });
  if (user == 0) REQUIRE(::seteuid(user) == 0);
  fs::permissions(temp.path(), fs::perms::owner_all);
  CHECK(file == "cannot write '" + (temp.path() / "a").string() +
                    "': Permission denied; choose a place you may write to");
  CHECK(folder == "cannot write '" + temp.path().string() + "': Permission denied; choose a place you may write to");
}

TEST_CASE("a write that fails half-way leaves the old file", "[io]") {
  const TempFolder temp;
  const fs::path file = temp.path() / "a.bin";
  cxrnet::write_atomically(file, "old");
  const std::string large(1 << 20, 'x');
  std::string message;
  {
    const SmallDisk limit(64 << 10);
    message = message_of([&] { cxrnet::write_atomically(file, large); });
  }
  CHECK(message.find("cannot write '" + file.string() + "': File too large") == 0);
  CHECK(read_text(file) == "old");
  CHECK(entries(temp.path()) == 1);
  CHECK(message_of([&] { cxrnet::detail::throw_write_error("a", ENOSPC); }) ==
        "cannot write 'a': No space left on device; free some space or choose another disk");
}

TEST_CASE("ensure_folder creates parents, accepts what exists, refuses a file", "[io]") {
  const TempFolder temp;
  const fs::path folder = temp.path() / "a" / "b" / "c";
  cxrnet::ensure_folder(folder);
  cxrnet::ensure_folder(folder);
  CHECK(fs::is_directory(folder));
  cxrnet::write_atomically(temp.path() / "file", "x");
  CHECK(message_of([&] { cxrnet::ensure_folder(temp.path() / "file"); }).find("file where a folder should be") !=
        std::string::npos);
  CHECK(message_of([&] { cxrnet::ensure_folder(temp.path() / "file" / "b"); }).find("file where a folder should be") !=
        std::string::npos);
}
