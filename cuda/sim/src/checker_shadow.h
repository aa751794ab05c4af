// The checker's memory of who touched what: a cell for every two bytes, with the last writer and two readers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace simt {

// One access. Serial numbers below kFirstSerial are not runs of a block but states of the memory.
struct Access {
  uint32_t serial = 0;  // which run of a block
  uint32_t caller = 0;  // return address, relative to the program
  uint32_t clock = 0;   // the thread's warp clock then
  uint16_t thread = 0;  // in the block
  uint16_t epoch = 0;   // how many block barriers had passed
  uint8_t bytes = 0;    // which of the cell's two bytes
  bool atomic = false;
  bool in_flight = false;  // a cp.async that nobody has waited for
};

struct Cell {
  Access writer;
  Access readers[2];
};

inline constexpr uint32_t kUnallocated = 0, kUninitialised = 1, kHostWritten = 2, kIgnored = 3, kFirstSerial = 16;

// The cell of an address, and what kind of memory it lies in; null where the kernel may read freely or not at all.
enum class Space { Private, Shared, Global, ReadOnly, OutsideShared, OtherStack, Host };
struct Located {
  Space space;
  Cell* cell = nullptr;
};

class Shadow {
 public:
  static Shadow& get();

  Located find(const void* address, size_t bytes, bool write);
  Cell* global(const void* address);
  Cell* dynamic_shared(const void* address);
  void mark_global(const void* address, size_t bytes, uint32_t state);
  // "file:line" of a caller, from the program's debug information.
  static const char* program_base();

 private:
  Shadow();

  Cell* global_ = nullptr;     // reserved address space; touched pages only
  std::vector<Cell> dynamic_;  // dynamic shared memory
  std::vector<Cell> statics_;  // static shared memory: the program's thread-local storage
  const char* tls_low_ = nullptr;
  const char* tls_high_ = nullptr;
  struct Segment {
    const char *low, *high;
    bool writable;
  };
  std::vector<Segment> segments_;
};

}  // namespace simt
