// arange and linspace on the CPU. Each value is computed from its position, so that threads may share the work.
#include "cpu/cpu_backend.h"
#include "cpu/parallel.h"
#include "mote/binary_functors.h"

namespace mote {

namespace {

// Calls value(i) for every position of a 1-dimensional array of T.
template <class T, class Value>
void fill_by_position(const View& out, const Value& value) {
  T* const data = out.as<T>();
  const int64_t stride = out.strides[0];
  cpu::parallel_for(out.shape[0], cpu::kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) data[i * stride] = cast_to<T>(value(i));
  });
}

// The type in which a series of T is computed before it is rounded once: int64, wrapping around, or double.
template <class T>
using series_t = std::conditional_t<std::is_integral_v<T>, int64_t, double>;

}  // namespace

void CpuBackend::arange(const View& out, const Scalar& start, const Scalar& step) {
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    const auto first = start.to<series_t<T>>(), by = step.to<series_t<T>>();
    fill_by_position<T>(
        out, [=](int64_t i) { return functor::Add()(first, functor::Mul()(static_cast<series_t<T>>(i), by)); });
  });
}

// From both ends towards the middle, so that both ends are exact.
void CpuBackend::linspace(const View& out, double start, double end) {
  const int64_t count = out.shape[0], half = count / 2;
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    const auto first = static_cast<double>(static_cast<series_t<T>>(start));
    const auto last = static_cast<double>(static_cast<series_t<T>>(end));
    const double step = count > 1 ? (last - first) / static_cast<double>(count - 1) : 0.0;
    fill_by_position<T>(out, [=](int64_t i) {
      return i < half || count == 1 ? first + step * static_cast<double>(i)
                                    : last - step * static_cast<double>(count - 1 - i);
    });
  });
}

}  // namespace mote
