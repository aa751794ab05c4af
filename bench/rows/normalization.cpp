// layer_norm and rms_norm.
#include "harness/operation.h"
#include "rows.h"

namespace bench {

namespace {

constexpr double kEps = 1e-5;

Tensor naive_layer_norm(const std::vector<Tensor>& in) {
  const Tensor centred = in[0] - in[0].mean({-1}, true);
  return centred / mote::sqrt((centred * centred).mean({-1}, true) + kEps) * in[1] + in[2];
}

Tensor naive_rms_norm(const std::vector<Tensor>& in) {
  return in[0] / mote::sqrt((in[0] * in[0]).mean({-1}, true) + kEps) * in[1];
}

Operation base(const char* name, const Choice<Shape>& shape) {
  return {.family = "normalization",
          .name = name,
          .shape = shape_name(shape.value),
          .headline = shape.headline,
          .inputs = {normal(shape.value), uniform({shape.value.back()}, 0.5, 1.5)}};
}

void add_layer_norm(Rows& rows, const Selection& selection, const Choice<Shape>& shape) {
  const int64_t width = shape.value.back();
  const auto n = static_cast<double>(shape.value.numel());
  Operation operation = base("layer_norm", shape);
  operation.inputs.push_back(uniform({width}, -0.5, 0.5));
  operation.run = [width](const auto& in) { return mote::layer_norm(in[0], {width}, in[1], in[2], kEps); };
  operation.reference = naive_layer_norm;
  operation.torch = {{.run = "F.layer_norm(x, (x.shape[-1],), y, z, 1e-5)"}};
  operation.forward_flops = 8 * n;
  operation.both_flops = 20 * n;
  add(rows, operation, selection);
}

void add_rms_norm(Rows& rows, const Selection& selection, const Choice<Shape>& shape) {
  const int64_t width = shape.value.back();
  const auto n = static_cast<double>(shape.value.numel());
  Operation operation = base("rms_norm", shape);
  operation.run = [width](const auto& in) { return mote::rms_norm(in[0], {width}, in[1], kEps); };
  operation.reference = naive_rms_norm;
  operation.torch = {{.run = "F.rms_norm(x, (x.shape[-1],), y, 1e-5)"},
                     {.form = "composed", .run = "x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * y"}};
  operation.forward_flops = 5 * n;
  operation.both_flops = 14 * n;
  add(rows, operation, selection);
}

}  // namespace

void add_normalization(Rows& rows, const Selection& selection) {
  // 64 MiB are beyond the caches.
  for (const auto& shape :
       choose<Shape>(selection, {{1024, 768}, {16384, 1024}}, {{8192, 768}, {1024, 4096}, {16, 64}}, {{4, 33}}))
    add_layer_norm(rows, selection, shape);
  for (const auto& shape :
       choose<Shape>(selection, {{1024, 768}}, {{16384, 1024}, {8192, 768}, {1024, 4096}, {16, 64}}, {{4, 33}}))
    add_rms_norm(rows, selection, shape);
}

}  // namespace bench
