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

void add_norms(Rows& rows, const Selection& selection, const Choice<Shape>& shape) {
  const int64_t width = shape.value.back();
  const auto n = static_cast<double>(shape.value.numel());
  Operation operation{.family = "normalization",
                      .name = "layer_norm",
                      .shape = shape_name(shape.value),
                      .headline = shape.headline,
                      .inputs = {normal(shape.value), uniform({width}, 0.5, 1.5), uniform({width}, -0.5, 0.5)},
                      .run = [width](const auto& in) { return mote::layer_norm(in[0], {width}, in[1], in[2], kEps); },
                      .reference = naive_layer_norm,
                      .torch = {{.run = "F.layer_norm(x, (x.shape[-1],), y, z, 1e-5)"}},
                      .forward_flops = 8 * n,
                      .both_flops = 20 * n};
  add(rows, operation, selection);
  operation.name = "rms_norm";
  operation.inputs.pop_back();
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
  for (const auto& shape : choose<Shape>(selection, {{1024, 768}}, {{8192, 768}, {1024, 4096}, {16, 64}}, {{4, 33}}))
    add_norms(rows, selection, shape);
}

}  // namespace bench
