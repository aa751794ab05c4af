#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/copy_kernels.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set
//
#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "cpu/copy_kernels.h"
#include "cpu/transpose_square-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {
namespace {

struct Unchanged {
  template <class V>
  HWY_INLINE V operator()(V v, int64_t) const {
    return v;
  }
};

void Transpose16(const uint16_t* from, int64_t from_stride, int64_t rows, int64_t columns, uint16_t* to,
                 int64_t to_stride) {
  transpose(from, from_stride, rows, columns, Unchanged(), to, to_stride);
}
void Transpose32(const uint32_t* from, int64_t from_stride, int64_t rows, int64_t columns, uint32_t* to,
                 int64_t to_stride) {
  transpose(from, from_stride, rows, columns, Unchanged(), to, to_stride);
}
void Transpose64(const uint64_t* from, int64_t from_stride, int64_t rows, int64_t columns, uint64_t* to,
                 int64_t to_stride) {
  transpose(from, from_stride, rows, columns, Unchanged(), to, to_stride);
}

void StreamCopy(void* to, const void* from, size_t bytes) {
  const hn::ScalableTag<uint8_t> d;
  const size_t lanes = hn::Lanes(d);
  auto* target = static_cast<uint8_t*>(to);
  const auto* source = static_cast<const uint8_t*>(from);
  const size_t head = std::min(bytes, (lanes - reinterpret_cast<uintptr_t>(target) % lanes) % lanes);
  std::memcpy(target, source, head);
  size_t i = head;
  for (; i + lanes <= bytes; i += lanes) hn::Stream(hn::LoadU(d, source + i), d, target + i);
  std::memcpy(target + i, source + i, bytes - i);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mote::cpu {

HWY_EXPORT(Transpose16);
HWY_EXPORT(Transpose32);
HWY_EXPORT(Transpose64);
HWY_EXPORT(StreamCopy);

void transpose_tile(const uint16_t* from, int64_t from_stride, int64_t rows, int64_t columns, uint16_t* to,
                    int64_t to_stride) {
  HWY_DYNAMIC_DISPATCH(Transpose16)(from, from_stride, rows, columns, to, to_stride);
}
void transpose_tile(const uint32_t* from, int64_t from_stride, int64_t rows, int64_t columns, uint32_t* to,
                    int64_t to_stride) {
  HWY_DYNAMIC_DISPATCH(Transpose32)(from, from_stride, rows, columns, to, to_stride);
}
void transpose_tile(const uint64_t* from, int64_t from_stride, int64_t rows, int64_t columns, uint64_t* to,
                    int64_t to_stride) {
  HWY_DYNAMIC_DISPATCH(Transpose64)(from, from_stride, rows, columns, to, to_stride);
}

void stream_copy(void* to, const void* from, size_t bytes) { HWY_DYNAMIC_DISPATCH(StreamCopy)(to, from, bytes); }

}  // namespace mote::cpu
#endif
