#include "copies.h"

#include <omp.h>

#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace bench {

namespace {

constexpr size_t kPiece = 4096;

// Each thread gets one contiguous part.
template <class CopyPart>
void in_parts(const void* from, void* to, size_t bytes, CopyPart copy_part) {
#pragma omp parallel
  {
    const auto threads = static_cast<size_t>(omp_get_num_threads()), thread = static_cast<size_t>(omp_get_thread_num());
    const size_t pieces = bytes / kPiece;
    const size_t begin = pieces * thread / threads * kPiece, end = pieces * (thread + 1) / threads * kPiece;
    copy_part(static_cast<const char*>(from) + begin, static_cast<char*>(to) + begin, end - begin);
  }
}

void by_memcpy(const void* from, void* to, size_t bytes) {
  in_parts(from, to, bytes, [](const char* source, char* target, size_t size) { std::memcpy(target, source, size); });
}

void by_loop(const void* from, void* to, size_t bytes) {
  in_parts(from, to, bytes, [](const char* source, char* target, size_t size) {
    const auto* s = reinterpret_cast<const float*>(source);
    auto* t = reinterpret_cast<float*>(target);
    for (size_t i = 0; i < size / sizeof(float); ++i) t[i] = s[i] * 0.5F;  // a product: it must not become memcpy
  });
}

#if defined(__SSE2__)
// Stores that go past the caches: the lines that are written need not be read first.
void by_streaming_stores(const void* from, void* to, size_t bytes) {
  in_parts(from, to, bytes, [](const char* source, char* target, size_t size) {
    const auto* s = reinterpret_cast<const __m128i*>(source);
    auto* t = reinterpret_cast<__m128i*>(target);
    for (size_t i = 0; i < size / sizeof(__m128i); ++i) _mm_stream_si128(t + i, _mm_load_si128(s + i));
    _mm_sfence();
  });
}
#endif

}  // namespace

const std::vector<Copy>& copies() {
  static const std::vector<Copy> all = {
    {"memcpy", by_memcpy},
    {"loop", by_loop},
#if defined(__SSE2__)
    {"streaming stores", by_streaming_stores},
#endif
  };
  return all;
}

}  // namespace bench
