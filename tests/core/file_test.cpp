// Whole files: reading, and replacing atomically.
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "mote/core.h"
#include "support/catch.h"
#include "support/temporary.h"

namespace mote::testing {

namespace {

// No file can grow beyond `bytes` while it lives: writing fails as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit = {bytes, old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  sighandler_t handler_;
  rlimit old_ = {};
};

}  // namespace

TEST_CASE_METHOD(TemporaryDirectory, "a file is written, replaced and read", "[file]") {
  const std::string file = path("a file");
  write_file_atomically(file, "one");
  CHECK(read_file(file) == "one");
  const std::string binary("\0\xff\n\r\0", 5);
  write_file_atomically(file, binary);
  CHECK(read_file(file) == binary);
  write_file_atomically(file, "");
  CHECK(read_file(file).empty());
  const std::string large(3'000'000, 'x');
  write_file_atomically(file, large);
  CHECK(read_file(file) == large);
  CHECK(files() == 1);
}

TEST_CASE_METHOD(TemporaryDirectory, "a write that fails leaves the old file and nothing else", "[file]") {
  const std::string file = path("kept");
  write_file_atomically(file, "old");
  {
    const FileSizeLimit full_disk(10000);
    CHECK(message_of<IoError>([&] { write_file_atomically(file, std::string(20000, 'x')); }) ==
          "write_file_atomically: cannot write '" + file + "' (write failed): File too large");
    CHECK_THAT(message_of<IoError>([&] {
                 save_safetensors(file, {{"x", zeros({10000})}});
               }),
               contains("save_safetensors: cannot write '" + file));
    CHECK_THAT(message_of<IoError>([&] { save_npy(file, zeros({10000})); }), contains("save_npy: cannot write"));
  }
  CHECK(read_file(file) == "old");
  CHECK(files() == 1);
}

TEST_CASE_METHOD(TemporaryDirectory, "a target that is no regular file is refused", "[file]") {
  std::filesystem::create_directory(path("directory"));
  CHECK_THAT(message_of<IoError>([&] { write_file_atomically(path("directory"), "x"); }),
             contains("it is there, but is no regular file"));
  CHECK_THAT(message_of<IoError>([&] { write_file_atomically("/dev/null", "x"); }), contains("no regular file"));
  CHECK_THAT(message_of<IoError>([&] { write_file_atomically(path("no/file"), "x"); }),
             contains("(open failed): No such file or directory"));
  CHECK_THAT(message_of<IoError>([&] { write_file_atomically("", "x"); }), contains("write_file_atomically"));
  CHECK_THAT(message_of<IoError>([&] { read_file(path("directory")); }), contains("Is a directory"));
  CHECK_THAT(message_of<IoError>([&] { read_file(path("missing")); }),
             contains("read_file: cannot open '" + path("missing") + "': No such file or directory"));
  CHECK(files() == 1);
}

TEST_CASE_METHOD(TemporaryDirectory, "permissions and links stay as they were", "[file]") {
  const std::string file = path("target"), link = path("link");
  write_file_atomically(file, "1");
  REQUIRE(chmod(file.c_str(), 0640) == 0);
  std::filesystem::create_symlink("target", link);
  write_file_atomically(link, "2");
  CHECK(std::filesystem::is_symlink(link));
  CHECK(read_file(file) == "2");
  struct stat status = {};
  REQUIRE(stat(file.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0640);
}

TEST_CASE_METHOD(TemporaryDirectory, "a relative path is written where it points", "[file]") {
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(path(""));
  write_file_atomically("here", "x");
  CHECK(read_file("here") == "x");
  std::filesystem::current_path(before);
  CHECK(read_file(path("here")) == "x");
}

TEST_CASE_METHOD(TemporaryDirectory, "a writer that is killed leaves a whole file", "[file]") {
  constexpr size_t kSize = 300000;
  const std::string file = path("checkpoint");
  const std::string first(kSize, 'a'), second(kSize, 'b');
  write_file_atomically(file, first);
  for (int round = 0; round < 20; ++round) {
    const pid_t writer = fork();
    REQUIRE(writer >= 0);
    if (writer == 0) {
      for (;;) {
        write_file_atomically(file, second);
        write_file_atomically(file, first);
      }
    }
    usleep(static_cast<useconds_t>(500 + 400 * round));
    kill(writer, SIGKILL);
    waitpid(writer, nullptr, 0);
    const std::string content = read_file(file);
    CHECK((content == first || content == second));
  }
}

TEST_CASE("a file of unknown size is read to its end", "[file]") {
  CHECK_FALSE(read_file("/proc/self/status").empty());
}

}  // namespace mote::testing
