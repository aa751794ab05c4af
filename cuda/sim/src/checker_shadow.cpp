#include "checker_shadow.h"

#include <link.h>
#include <sys/mman.h>

#include <new>

#include "block.h"
#include "device_memory.h"

extern "C" {
// The bounds of section simt_const, where __constant__ variables lie; null in a program that has none.
__attribute__((weak)) extern const char __start_simt_const[];
__attribute__((weak)) extern const char __stop_simt_const[];
}

namespace simt {

namespace {

uintptr_t program_base_address = 0;

bool is_program(const dl_phdr_info& info) { return !info.dlpi_name || !*info.dlpi_name; }

bool is_argument(const void* address) {
  const Task& task = Block::current()->grid().task;
  const auto* low = static_cast<const char*>(task.arguments);
  const auto* p = static_cast<const char*>(address);
  return p >= low && p < low + task.bytes;
}

}  // namespace

Shadow& Shadow::get() {
  static auto* shadow = new Shadow;
  return *shadow;
}

const char* Shadow::program_base() { return reinterpret_cast<const char*>(program_base_address); }

Shadow::Shadow() : dynamic_(kSharedWindow / 2) {
  void* memory = mmap(nullptr, kArenaBytes / 2 * sizeof(Cell), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  global_ = static_cast<Cell*>(memory);
  const auto visit = [](dl_phdr_info* info, size_t, void* self) {
    auto& shadow = *static_cast<Shadow*>(self);
    for (int i = 0; i < info->dlpi_phnum; ++i) {
      const auto& header = info->dlpi_phdr[i];
      const auto* low = reinterpret_cast<const char*>(info->dlpi_addr + header.p_vaddr);
      if (header.p_type == PT_LOAD || header.p_type == PT_GNU_RELRO)
        shadow.segments_.push_back({low, low + header.p_memsz, header.p_type == PT_LOAD && (header.p_flags & PF_W)});
      if (header.p_type == PT_TLS && info->dlpi_tls_data && is_program(*info)) {
        shadow.tls_low_ = static_cast<const char*>(info->dlpi_tls_data);
        shadow.tls_high_ = shadow.tls_low_ + header.p_memsz;
      }
    }
    if (is_program(*info)) program_base_address = info->dlpi_addr;
    return 0;
  };
  dl_iterate_phdr(visit, this);
  statics_.resize(static_cast<size_t>(tls_high_ - tls_low_) / 2 + 1);
  const auto ignore = [&](const void* address, size_t bytes) {
    for (size_t i = 0; i < bytes; i += 2)
      statics_[static_cast<size_t>(static_cast<const char*>(address) + i - tls_low_) / 2].writer.serial = kIgnored;
  };
  ignore(&threadIdx, sizeof threadIdx);
  ignore(&blockIdx, sizeof blockIdx);
  ignore(&blockDim, sizeof blockDim);
  ignore(&gridDim, sizeof gridDim);
  ignore(&self, sizeof self);
}

Cell* Shadow::global(const void* address) {
  return global_ + (static_cast<const char*>(address) - device_memory_base()) / 2;
}

Cell* Shadow::dynamic_shared(const void* address) {
  return &dynamic_[static_cast<size_t>(static_cast<const unsigned char*>(address) - self.shared) / 2];
}

void Shadow::mark_global(const void* address, size_t bytes, uint32_t state) {
  if (bytes == 0) return;
  Cell* const last = global(static_cast<const char*>(address) + bytes - 1);
  for (Cell* cell = global(address); cell <= last; ++cell) *cell = {Access{state}, {}};
}

Located Shadow::find(const void* address, size_t bytes, bool write) {
  const auto* p = static_cast<const char*>(address);
  const Block& block = *Block::current();
  if (p >= block.stack_low() && p < block.stack_low() + StackPool::usable()) return {Space::Private};
  if (p >= tls_low_ && p < tls_high_) {
    Cell* cell = &statics_[static_cast<size_t>(p - tls_low_) / 2];
    return cell->writer.serial == kIgnored ? Located{Space::Private} : Located{Space::Shared, cell};
  }
  const auto* shared = reinterpret_cast<const char*>(self.shared);
  if (p >= shared && p < shared + kSharedWindow) {
    if (static_cast<size_t>(p - shared) + bytes > self.shared_bytes) return {Space::OutsideShared};
    return {Space::Shared, dynamic_shared(p)};
  }
  if (in_device_memory(p)) return {Space::Global, global(p)};
  if (block.on_any_stack(p)) return {Space::OtherStack};
  if (is_argument(p) || (p >= __start_simt_const && p < __stop_simt_const)) return {Space::ReadOnly};
  if (!write)
    for (const Segment& segment : segments_)
      if (p >= segment.low && p < segment.high && !segment.writable) return {Space::ReadOnly};  // literals, tables
  if (is_mapped(p)) return {Space::Private};
  return {Space::Host};
}

}  // namespace simt
