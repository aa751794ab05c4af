#include "file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "mote/error.h"
#include "mote/serialize.h"

namespace mote {

namespace {

constexpr size_t kLargestTransfer = size_t{1} << 30;  // Linux moves at most 2^31 bytes in one call

std::string reason(int error) { return std::generic_category().message(error); }

// Repeats a system call that a signal interrupted.
template <class Call>
auto retry(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

}  // namespace

FileDescriptor::~FileDescriptor() { close(); }

// After EINTR the descriptor is gone on Linux, so that close is never repeated.
bool FileDescriptor::close() {
  const int number = std::exchange(number_, -1);
  return number < 0 || ::close(number) == 0 || errno == EINTR;
}

// --- reading ---------------------------------------------------------------------------------------------------------

InputFile::InputFile(const char* op, const std::string& path)
    : op_(op), path_(path), file_(retry([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); })) {
  if (file_.number() < 0) throw IoError(fmt::format("{}: cannot open '{}': {}", op, path, reason(errno)));
  struct stat status = {};
  if (::fstat(file_.number(), &status) != 0)
    throw IoError(fmt::format("{}: cannot look at '{}': {}", op, path, reason(errno)));
  regular_ = S_ISREG(status.st_mode);
  size_ = regular_ ? static_cast<uint64_t>(status.st_size) : 0;
}

void InputFile::read_at(uint64_t offset, void* target, size_t bytes) const {
  auto* next = static_cast<char*>(target);
  while (bytes > 0) {
    const ssize_t got = retry(
        [&] { return ::pread(file_.number(), next, std::min(bytes, kLargestTransfer), static_cast<off_t>(offset)); });
    if (got < 0) throw IoError(fmt::format("{}: cannot read '{}': {}", op_, path_, reason(errno)));
    if (got == 0) fail(fmt::format("ends at byte {}, where {} more were expected", offset, bytes));
    next += got;
    offset += static_cast<uint64_t>(got);
    bytes -= static_cast<size_t>(got);
  }
}

std::string InputFile::read_rest() const {
  constexpr size_t kLeastRoom = 65536;
  std::string bytes;
  size_t used = 0;
  while (true) {
    if (bytes.size() == used) bytes.resize(std::max({size_ + 1, used + kLeastRoom, used * 2}));
    const ssize_t got = retry(
        [&] { return ::read(file_.number(), bytes.data() + used, std::min(bytes.size() - used, kLargestTransfer)); });
    if (got < 0) throw IoError(fmt::format("{}: cannot read '{}': {}", op_, path_, reason(errno)));
    if (got == 0) break;
    used += static_cast<size_t>(got);
  }
  bytes.resize(used);
  return bytes;
}

void InputFile::fail(std::string_view what) const { throw IoError(fmt::format("{}: '{}' {}", op_, path_, what)); }

std::string read_file(const std::string& path) { return InputFile("read_file", path).read_rest(); }

// --- writing ---------------------------------------------------------------------------------------------------------

AtomicFile::AtomicFile(const char* op, const std::string& path) : op_(op), path_(path) {
  std::error_code error;
  if (std::filesystem::is_symlink(path, error)) {
    path_ = std::filesystem::weakly_canonical(path, error).string();
    if (error) {
      path_ = path;
      fail("follow the link", error.value());
    }
  }
  create();
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::fail(const char* what, int error) const {
  throw IoError(fmt::format("{}: cannot write '{}' ({} failed): {}", op_, path_, what, reason(error)));
}

void AtomicFile::create() {
  struct stat old = {};
  const bool replaces = ::stat(path_.c_str(), &old) == 0;
  if (replaces && !S_ISREG(old.st_mode))
    throw IoError(fmt::format("{}: cannot write '{}': it is there, but is no regular file", op_, path_));
  static std::atomic<uint32_t> counter{0};
  constexpr int kAttempts = 100;  // a crashed process with our number may have left files behind
  int number = -1;
  for (int attempt = 0; number < 0 && attempt < kAttempts; ++attempt) {
    temporary_ = fmt::format("{}.tmp-{}-{}", path_, ::getpid(), counter.fetch_add(1));
    number = retry([&] { return ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666); });
    if (number < 0 && errno != EEXIST) break;
  }
  if (number < 0) {
    temporary_.clear();
    fail("open", errno);
  }
  file_.reset(number);
  if (replaces && ::fchmod(number, old.st_mode & 07777) != 0) {
    const int error = errno;
    ::unlink(temporary_.c_str());
    fail("fchmod", error);
  }
}

void AtomicFile::write(const void* data, size_t bytes) {
  auto* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t put = retry([&] { return ::write(file_.number(), next, std::min(bytes, kLargestTransfer)); });
    if (put < 0) fail("write", errno);
    next += put;
    bytes -= static_cast<size_t>(put);
  }
}

void AtomicFile::commit() {
  if (retry([&] { return ::fsync(file_.number()); }) != 0) fail("fsync", errno);
  if (!file_.close()) fail("close", errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail("rename", errno);
  temporary_.clear();
  sync_directory();
}

// Without it a crash may still bring the old file back. Some file systems cannot do it and say EINVAL.
void AtomicFile::sync_directory() const {
  const std::string parent = std::filesystem::path(path_).parent_path().string();
  const char* name = parent.empty() ? "." : parent.c_str();
  FileDescriptor directory(retry([&] { return ::open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (directory.number() < 0) return;  // a directory that may be written but not read
  if (retry([&] { return ::fsync(directory.number()); }) != 0 && errno != EINVAL && errno != ENOTSUP)
    fail("fsync of the directory", errno);
}

void write_file_atomically(const std::string& path, std::string_view bytes) {
  AtomicFile file("write_file_atomically", path);
  file.write(bytes);
  file.commit();
}

}  // namespace mote
