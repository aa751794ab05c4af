// Bytes under a path, without a disk: what the readers of files are fuzzed with.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace mote::fuzz {

class MemoryFile {
 public:
  MemoryFile(const uint8_t* data, size_t size) : number_(memfd_create("fuzz", MFD_CLOEXEC)) {
    if (number_ < 0 || write(number_, data, size) != static_cast<ssize_t>(size)) {
      std::perror("memfd_create");
      std::abort();
    }
  }
  ~MemoryFile() { close(number_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(number_); }

 private:
  int number_;
};

}  // namespace mote::fuzz
