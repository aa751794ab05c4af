// Mixed precision: dtypes and values against PyTorch's (tests/data/golden/autocast.py) on the CPU, PyTorch's other list
// on a second device, and what guards, kept casts and backward promise.
#include <functional>
#include <thread>

#include "mote/core.h"
#include "support/catch.h"
#include "support/data.h"
#include "support/fake_backend.h"

namespace mote::testing {

namespace {

const StateDict& golden() {
  static const StateDict values = load_safetensors(data_path("autocast.safetensors"));
  return values;
}

// The operands of every operation below, in one dtype; `wide` is float32 always.
struct Operands {
  Operands(DType dtype, const Device& device = {}) {
    const auto get = [&](const char* name) { return golden().at(name).to(device, dtype); };
    x = get("x");
    y = get("y");
    matrix = get("matrix");
    weight = get("weight");
    bias = get("bias");
    wide = golden().at("wide").to(device);
    target = golden().at("target").to(device);
  }
  Tensor x, y, matrix, weight, bias, wide, target;
};

// What a guard makes of an operation on CUDA: its 16-bit type, float32, the operand's own dtype, or the widest.
enum class OnCuda { Lower, Float32, Own, Widest, Float64 };

struct Operation {
  const char* name;
  OnCuda on_cuda;
  std::function<Tensor(const Operands&)> run;
};

const std::vector<Operation>& operations() {
  using O = const Operands&;
  static const std::vector<Operation> list = {
      {"matmul", OnCuda::Lower, [](O o) { return matmul(o.x, o.matrix); }},
      {"matmul_vector", OnCuda::Lower, [](O o) { return matmul(o.x, o.y[0]); }},
      {"mm", OnCuda::Lower, [](O o) { return mm(o.x, o.matrix); }},
      {"bmm", OnCuda::Lower, [](O o) { return bmm(o.x.unsqueeze(0), o.matrix.unsqueeze(0)); }},
      {"addmm", OnCuda::Lower, [](O o) { return addmm(o.bias, o.x, o.weight.t()); }},
      {"linear", OnCuda::Lower, [](O o) { return linear(o.x, o.weight, o.bias); }},
      {"linear_without_bias", OnCuda::Lower, [](O o) { return linear(o.x, o.weight); }},
      {"mv", OnCuda::Lower, [](O o) { return mv(o.x, o.y[0]); }},
      {"dot", OnCuda::Own, [](O o) { return dot(o.x[0], o.y[0]); }},
      {"outer", OnCuda::Own, [](O o) { return outer(o.x[0], o.y[0]); }},
      {"softmax", OnCuda::Float32, [](O o) { return softmax(o.x, -1); }},
      {"softmax_float64", OnCuda::Float64, [](O o) { return softmax(o.x, -1, float64); }},
      {"log_softmax", OnCuda::Float32, [](O o) { return log_softmax(o.x, -1); }},
      {"layer_norm", OnCuda::Float32, [](O o) { return layer_norm(o.x, {6}); }},
      {"cross_entropy", OnCuda::Float32, [](O o) { return cross_entropy(o.x, o.target); }},
      {"nll_loss", OnCuda::Float32, [](O o) { return nll_loss(o.x, o.target); }},
      {"mse_loss", OnCuda::Float32, [](O o) { return mse_loss(o.x, o.y); }},
      {"l1_loss", OnCuda::Float32, [](O o) { return l1_loss(o.x, o.y); }},
      {"binary_cross_entropy_with_logits", OnCuda::Float32,
       [](O o) { return binary_cross_entropy_with_logits(o.x, o.y.abs() / 2); }},
      {"exp", OnCuda::Float32, [](O o) { return exp(o.x); }},
      {"expm1", OnCuda::Float32, [](O o) { return expm1(o.x); }},
      {"log", OnCuda::Float32, [](O o) { return log(o.y.abs()); }},
      {"log1p", OnCuda::Float32, [](O o) { return log1p(o.y.abs()); }},
      {"log2", OnCuda::Float32, [](O o) { return log2(o.y.abs()); }},
      {"log10", OnCuda::Float32, [](O o) { return log10(o.y.abs()); }},
      {"reciprocal", OnCuda::Float32, [](O o) { return reciprocal(o.y); }},
      {"rsqrt", OnCuda::Float32, [](O o) { return rsqrt(o.y.abs()); }},
      {"tan", OnCuda::Float32, [](O o) { return tan(o.x); }},
      {"pow", OnCuda::Float32, [](O o) { return pow(o.x, 2); }},
      {"pow_tensors", OnCuda::Float32, [](O o) { return pow(o.y.abs(), o.x); }},
      {"pow_of_number", OnCuda::Float32, [](O o) { return pow(2.0, o.x); }},
      {"square", OnCuda::Float32, [](O o) { return square(o.x); }},
      {"division_of_number", OnCuda::Float32, [](O o) { return 2.0 / o.y; }},
      {"softplus", OnCuda::Float32, [](O o) { return softplus(o.x); }},
      {"sum", OnCuda::Float32, [](O o) { return sum(o.x); }},
      {"sum_dim", OnCuda::Float32, [](O o) { return sum(o.x, 0); }},
      {"prod", OnCuda::Float32, [](O o) { return prod(o.x); }},
      {"prod_dim", OnCuda::Float32, [](O o) { return prod(o.x, 0); }},
      {"mean", OnCuda::Own, [](O o) { return mean(o.x); }},
      {"norm", OnCuda::Float32, [](O o) { return norm(o.x); }},
      {"cumsum", OnCuda::Float32, [](O o) { return cumsum(o.x, 0); }},
      {"logsumexp", OnCuda::Float32, [](O o) { return logsumexp(o.x, 0); }},
      {"gelu", OnCuda::Own, [](O o) { return gelu(o.x); }},
      {"add", OnCuda::Own, [](O o) { return o.x + o.y; }},
      {"add_mixed", OnCuda::Widest, [](O o) { return o.x + o.wide; }},
      {"cat_mixed", OnCuda::Widest,
       [](O o) {
         return cat({o.x, o.wide});
       }},
      {"stack_mixed", OnCuda::Widest,
       [](O o) {
         return stack({o.x, o.wide});
       }},
      {"addcmul_mixed", OnCuda::Widest, [](O o) { return addcmul(o.x, o.y, o.wide); }},
      {"addcdiv_mixed", OnCuda::Widest, [](O o) { return addcdiv(o.x, o.y, o.wide); }},
      {"atan2_mixed", OnCuda::Widest, [](O o) { return atan2(o.x, o.wide); }},
      {"where_mixed", OnCuda::Widest, [](O o) { return where(o.x > 0, o.x, o.wide); }},
      {"matmul_float64", OnCuda::Float64, [](O o) { return matmul(o.x.to(float64), o.matrix.to(float64)); }},
      {"exp_in_place", OnCuda::Own, [](O o) { return o.x.clone().exp_(); }},
  };
  return list;
}

DType expected_on_cuda(OnCuda on_cuda, DType operand, DType lower) {
  switch (on_cuda) {
    case OnCuda::Lower:
      return lower;
    case OnCuda::Own:
      return operand;
    case OnCuda::Float64:
      return float64;
    default:
      return float32;
  }
}

}  // namespace

TEST_CASE("autocast: on the CPU every operation has PyTorch's dtype and values") {
  for (const DType dtype : {float32, bfloat16}) {
    const Operands operands(dtype);
    const AutocastGuard guard("cpu", bfloat16);
    for (const Operation& operation : operations()) {
      const std::string key = std::string(operation.name) + "." + name_of(dtype);
      INFO(key);
      const Tensor& expected = golden().at(key);
      const Tensor got = operation.run(operands);
      CHECK(got.dtype() == expected.dtype());
      CHECK(got.shape() == expected.shape());
      // PyTorch 1.13 rounds the sums of some products to bfloat16 on the way; the case below has the exact values.
      const double bound = got.dtype() == bfloat16 ? 0x1p-6 : dtype == bfloat16 ? 2e-5 : 1e-5;
      CHECK(allclose(got.to(float64), expected.to(float64), bound, bound));
    }
  }
}

TEST_CASE("autocast: products are those of the cast operands, summed in float32 and rounded once") {
  const Operands operands(float32);
  const Tensor x = operands.x * 1.01, matrix = operands.matrix * 0.99;  // not exact in 16 bits
  const Tensor expected = matmul(x.to(bfloat16), matrix.to(bfloat16));
  const AutocastGuard guard("cpu", bfloat16);
  CHECK(equal(matmul(x, matrix), expected));
  const Tensor exact = matmul(x.to(bfloat16).to(float64), matrix.to(bfloat16).to(float64));
  CHECK(allclose(expected.to(float64), exact, 0x1p-8, 1e-6));
}

TEST_CASE("autocast: on CUDA the other list holds") {
  FakeBackend backend;
  const BackendOverride fake(DeviceType::CUDA, backend);
  for (const DType lower : {float16, bfloat16})
    for (const DType dtype : {float32, lower}) {
      const Operands operands(dtype, "cuda");
      const AutocastGuard guard("cuda", lower);
      for (const Operation& operation : operations()) {
        INFO(operation.name << " of " << name_of(dtype) << " in " << name_of(lower));
        CHECK(operation.run(operands).dtype() == expected_on_cuda(operation.on_cuda, dtype, lower));
      }
      const Tensor mixed = dot(operands.x[0], operands.wide[0]);
      CHECK(mixed.dtype() == float32);
      const Tensor index = zeros({1, 6}, {.dtype = int64, .device = "cuda"});
      CHECK(scatter_add(operands.x, 0, index, operands.wide).dtype() == float32);
    }
}

TEST_CASE("autocast: attention in 16 bits, its softmax over given scores as PyTorch's softmax") {
  FakeBackend backend;
  const BackendOverride fake(DeviceType::CUDA, backend);
  for (const char* device : {"cpu", "cuda"}) {
    const Tensor q = ones({1, 2, 3, 4}, {.device = device}), k = q.to(bfloat16);
    const AutocastGuard guard(device, bfloat16);
    CHECK(scaled_dot_product_attention(q, k, q).dtype() == bfloat16);
    const Tensor mask = zeros({3, 4}, {.dtype = bool_, .device = device});
    CHECK(masked_softmax(k, mask).dtype() == (Device(device).is_cuda() ? float32 : bfloat16));
    CHECK(rms_norm(k, {4}).dtype() == (Device(device).is_cuda() ? float32 : bfloat16));
  }
}

TEST_CASE("autocast: a network's loss and float32 gradients are PyTorch's up to 16-bit rounding") {
  const auto leaf = [](const char* name) { return golden().at(std::string("net.") + name).clone().requires_grad_(); };
  const Tensor first = leaf("first"), second = leaf("second"), bias = leaf("bias"), x = golden().at("x");
  const auto loss_of = [&] {
    const Tensor hidden = gelu(linear(x, first));
    return cross_entropy(linear(hidden, second, bias) + x, golden().at("target"));
  };
  Tensor loss;
  {
    const AutocastGuard guard("cpu", bfloat16);
    loss = loss_of();
    CHECK(linear(x, first).dtype() == bfloat16);
  }
  CHECK(loss.dtype() == float32);
  CHECK(loss.item<double>() == Approx(golden().at("net.loss").item<double>()).epsilon(1e-3));
  loss.backward();
  const std::vector<Tensor> exact = grad({loss_of()}, {first, second, bias});
  const Tensor leaves[] = {first, second, bias};
  const char* names[] = {"first", "second", "bias"};
  for (size_t i = 0; i < 3; ++i) {
    INFO(names[i]);
    CHECK(leaves[i].grad().dtype() == float32);
    const double size = exact[i].abs().max().item<double>();
    CHECK(allclose(leaves[i].grad(), golden().at(std::string("net.grad.") + names[i]), 0.0, 0.01 * size));
    CHECK(allclose(leaves[i].grad(), exact[i], 0.0, 0.02 * size));
    CHECK_FALSE(equal(leaves[i].grad(), exact[i]));
  }
}

TEST_CASE("autocast: guards nest, end, and are of one thread and one type of device") {
  const Tensor x = ones({2, 2});
  CHECK_FALSE(is_autocast_enabled("cpu"));
  CHECK(get_autocast_dtype("cpu") == bfloat16);
  CHECK(get_autocast_dtype("cuda") == float16);
  {
    const AutocastGuard outer("cpu", float16);
    CHECK(is_autocast_enabled(DeviceType::CPU));
    CHECK_FALSE(is_autocast_enabled("cuda:1"));
    CHECK(matmul(x, x).dtype() == float16);
    {
      const AutocastGuard off("cpu", false);
      CHECK_FALSE(is_autocast_enabled("cpu"));
      CHECK(matmul(x, x).dtype() == float32);
      const AutocastGuard inner("cpu", bfloat16);
      CHECK(matmul(x, x).dtype() == bfloat16);
      CHECK(matmul(x, x.to(float16)).dtype() == bfloat16);
    }
    CHECK(matmul(x, x).dtype() == float16);
    {
      const AutocastGuard other("cuda:0");
      CHECK(get_autocast_dtype("cuda") == float16);
      CHECK(is_autocast_enabled("cuda"));
      CHECK(matmul(x, x).dtype() == float16);
    }
    CHECK_FALSE(is_autocast_enabled("cuda"));
    DType elsewhere = float64;
    std::thread([&] { elsewhere = matmul(x, x).dtype(); }).join();
    CHECK(elsewhere == float32);
  }
  CHECK(matmul(x, x).dtype() == float32);
  CHECK_THAT(message_of<DTypeError>([] { AutocastGuard("cpu", float32); }),
             contains("expected float16 or bfloat16") && contains("float32"));
  CHECK_THAT(message_of<ValueError>([] { AutocastGuard("meta"); }), contains("meta"));
  CHECK_FALSE(is_autocast_enabled("cpu"));
}

TEST_CASE("autocast: integers and float64 are left alone") {
  const AutocastGuard guard("cpu", bfloat16);
  const Tensor whole = ones({2, 2}, {.dtype = int64}), twice = ones({2, 2}, {.dtype = float64});
  CHECK(matmul(whole, whole).dtype() == int64);
  CHECK(matmul(twice, twice).dtype() == float64);
  CHECK(cross_entropy(twice, zeros({2}, {.dtype = int64})).dtype() == float64);
  CHECK_THAT(message_of<DTypeError>([&] { matmul(twice, ones({2, 2})); }), contains("float64 and bfloat16"));
}

TEST_CASE("autocast: the cast of a leaf is made once, and made again when the leaf changes") {
  FakeBackend backend;
  const BackendOverride fake(DeviceType::CUDA, backend);
  const Tensor w = ones({2, 2}, {.device = "cuda"}).requires_grad_();
  const Tensor x = ones({2, 2}, {.dtype = float16, .device = "cuda"});
  const auto copies_in = [&](const std::function<void()>& run) {
    const int64_t before = backend.calls("copy");
    run();
    return backend.calls("copy") - before;
  };
  {
    const AutocastGuard guard("cuda");
    CHECK(copies_in([&] { matmul(x, w); }) == 1);
    CHECK(copies_in([&] { matmul(x, w); }) == 0);
    {
      const AutocastGuard off("cuda", false);
      const AutocastGuard again("cuda");
      CHECK(copies_in([&] { matmul(x, w); }) == 0);
    }
    {
      const NoGradGuard no_grad;
      w.fill_(2.0);
      CHECK(matmul(x, w).to("cpu", float32)[0][0].item<double>() == 4.0);  // cast without recording
    }
    CHECK(matmul(x, w).requires_grad());
    {
      const AutocastGuard other("cuda", bfloat16);
      CHECK(matmul(x, w).dtype() == bfloat16);
    }
  }
  const AutocastGuard guard("cuda");
  CHECK(copies_in([&] { matmul(x, w); }) == 1);
}

TEST_CASE("autocast: all uses of a leaf add to its gradient") {
  const Tensor w = full({2, 2}, 0.5).requires_grad_(), x = ones({2, 2});
  {
    const AutocastGuard guard("cpu");
    matmul(matmul(x, w), w).sum().backward();
  }
  CHECK(w.grad().dtype() == float32);
  CHECK(equal(w.grad(), full({2, 2}, 4.0)));
}

TEST_CASE("autocast: backward runs in the dtypes of forward, inside and outside of a guard") {
  const Tensor x = rand({8, 8}).requires_grad_(), w = rand({8, 8}).requires_grad_();
  const auto gradients_of = [&](const Tensor& y, bool create_graph) {
    return grad({y}, {x, w}, {.retain_graph = true, .create_graph = create_graph});
  };
  const Tensor plain = matmul(x, w).sum();
  const std::vector<Tensor> expected = gradients_of(plain, false);
  Tensor mixed;
  std::vector<Tensor> inside;
  {
    const AutocastGuard guard("cpu", bfloat16);
    for (const bool create_graph : {false, true}) {
      const std::vector<Tensor> got = gradients_of(plain, create_graph);
      for (size_t i = 0; i < 2; ++i) CHECK(equal(got[i], expected[i]));
    }
    mixed = matmul(x, w).sum();
    inside = gradients_of(mixed, false);
  }
  const std::vector<Tensor> outside = gradients_of(mixed, false);
  for (size_t i = 0; i < 2; ++i) {
    CHECK(equal(inside[i], outside[i]));
    CHECK_FALSE(equal(inside[i], expected[i]));
  }
}

TEST_CASE("autocast: a checkpointed function runs again as it ran before") {
  const Tensor x = rand({8, 8}).requires_grad_(), w = rand({8, 8}).requires_grad_();
  const auto function = [&](const std::vector<Tensor>& in) { return exp(matmul(in[0], w)); };
  std::vector<Tensor> expected;
  Tensor y;
  {
    const AutocastGuard guard("cpu", bfloat16);
    expected = grad({function({x}).sum()}, {x, w});
    y = checkpoint(function, {x}).sum();
  }
  y.backward();
  CHECK(equal(x.grad(), expected[0]));
  CHECK(equal(w.grad(), expected[1]));
}

TEST_CASE("layer_norm and rms_norm take float32 factors for 16-bit values, and compute in float32") {
  manual_seed(6);
  const Tensor x = randn({3, 5}).to(bfloat16).requires_grad_();
  const Tensor weight = rand({5}).requires_grad_(), bias = rand({5}).requires_grad_();
  const Tensor y = layer_norm(x, {5}, weight, bias);
  CHECK(y.dtype() == bfloat16);
  CHECK(equal(y, layer_norm(x.to(float32), {5}, weight, bias).to(bfloat16)));
  y.sum().backward();
  CHECK(x.grad().dtype() == bfloat16);
  CHECK(weight.grad().dtype() == float32);
  CHECK(equal(rms_norm(x, {5}, weight), rms_norm(x.to(float32), {5}, weight).to(bfloat16)));
  CHECK_THROWS_AS(layer_norm(x, {5}, weight.to(float16)), DTypeError);
}

}  // namespace mote::testing
