#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/small_product.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set
//
#include <hwy/highway.h>

#include "cpu/small_product.h"
#include "cpu/tile_product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {
namespace {

bool MultiplySmall(int64_t rows, int64_t columns, int64_t depth, const SmallProduct& p, bool accumulate) {
  if (columns % static_cast<int64_t>(hn::Lanes(hn::ScalableTag<float>())) != 0) return false;
  tile_product<float>(rows, columns, depth, {p.a, p.a_row_stride, p.a_depth_stride}, {p.b, p.b_stride},
                      {p.c, p.c_stride}, accumulate);
  return true;
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mote::cpu {

HWY_EXPORT(MultiplySmall);

bool multiply_small(int64_t rows, int64_t columns, int64_t depth, const SmallProduct& product, bool accumulate) {
  return HWY_DYNAMIC_DISPATCH(MultiplySmall)(rows, columns, depth, product, accumulate);
}

}  // namespace mote::cpu
#endif
