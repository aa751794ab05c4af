// Files as the readers and writers of formats need them. Every failure is an IoError that begins with the operation
// and names the path.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mote {

// A file descriptor that closes itself.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor();

  int number() const { return number_; }
  void reset(int number) {
    close();
    number_ = number;
  }
  // Closes now; false where the system reports an error.
  bool close();

 private:
  int number_ = -1;
};

class InputFile {
 public:
  InputFile(const char* op, const std::string& path);

  const char* op() const { return op_; }
  const std::string& path() const { return path_; }
  bool is_regular() const { return regular_; }
  // Of a regular file; else 0.
  uint64_t size() const { return size_; }

  // Reads exactly `bytes` from `offset` on.
  void read_at(uint64_t offset, void* target, size_t bytes) const;
  // Reads from the current position until the end.
  std::string read_rest() const;
  // Throws an IoError about the content: "<op>: '<path>' <what>".
  [[noreturn]] void fail(std::string_view what) const;

 private:
  const char* op_;
  std::string path_;
  FileDescriptor file_;
  bool regular_ = false;
  uint64_t size_ = 0;
};

// Writes a temporary file beside `path` that takes its place at commit(), or vanishes without it.
class AtomicFile {
 public:
  AtomicFile(const char* op, const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t bytes);
  void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }
  // Brings the bytes to the disk, then the name.
  void commit();

 private:
  [[noreturn]] void fail(const char* what, int error) const;
  void create();
  void sync_directory() const;

  const char* op_;
  std::string path_;
  std::string temporary_;
  FileDescriptor file_;
};

}  // namespace mote
