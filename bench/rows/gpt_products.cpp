// The matrix products of a training step of the GPT, alone: by them one sees how much of the step is something else.
#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "gpt_case.h"
#include "rows.h"

namespace bench {

namespace {

struct Product {
  Tensor a, b;  // transposed ones are views
};

// In the order in which bench/peers/torch_models.py draws them.
struct Products {
  Products(const GPTCase& c, const mote::Device& on) : device(on) {
    mote::manual_seed(kSeed);
    const gpt::ModelConfig& m = c.model;
    const int64_t tokens = c.batch * m.context;
    for (int64_t layer = 0; layer < m.layers; ++layer) {
      add_linear(tokens, m.width, 3 * m.width);
      add_attention(c.batch * m.heads, m.context, m.width / m.heads);
      add_linear(tokens, m.width, m.width);
      add_linear(tokens, m.width, 4 * m.width);
      add_linear(tokens, 4 * m.width, m.width);
    }
    add_linear(tokens, m.width, m.vocabulary);
    std::reverse(backward.begin(), backward.end());
  }

  // X W^T; dY W and dY^T X.
  void add_linear(int64_t n, int64_t in, int64_t out) {
    const Tensor x = draw({n, in}), w = draw({out, in}), dy = draw({n, out});
    forward.push_back({x, w.transpose(0, 1)});
    backward.push_back({dy.transpose(0, 1), x});
    backward.push_back({dy, w});
  }

  // Q K^T and P V; dP V^T, P^T dY, dP K and dP^T Q. Every query has half of the keys, which is what the causal mask
  // leaves on average.
  void add_attention(int64_t batch, int64_t length, int64_t width) {
    const int64_t keys = (length + 1) / 2;
    const Tensor q = draw({batch, length, width}), k = draw({batch, keys, width}), v = draw({batch, keys, width});
    const Tensor p = draw({batch, length, keys}), dp = draw({batch, length, keys}), dy = draw({batch, length, width});
    forward.push_back({q, k.transpose(1, 2)});
    forward.push_back({p, v});
    backward.push_back({dp.transpose(1, 2), q});
    backward.push_back({dp, k});
    backward.push_back({p.transpose(1, 2), dy});
    backward.push_back({dy, v.transpose(1, 2)});
  }

  Tensor draw(const Shape& shape) const { return mote::randn(shape).to(device); }

  template <class Use>
  void each(const Use& use) const {
    for (const std::vector<Product>* part : {&forward, &backward})
      for (const Product& product : *part) use(product);
  }

  Tensor operator()() const {
    const mote::NoGradGuard no_grad;
    Tensor last;
    each([&last](const Product& product) { last = mote::matmul(product.a, product.b); });
    return last;
  }

  mote::Device device;
  std::vector<Product> forward, backward;
};

Prepared prepare_products(const GPTCase& c, const mote::Device& device, const Row& row) {
  const auto products = std::make_shared<Products>(c, device);
  Costs costs;
  std::vector<Tensor> got, want;
  products->each([&](const Product& product) {
    const Tensor &a = product.a, &b = product.b;
    got.push_back(mote::matmul(a, b));
    want.push_back(mote::matmul(a.to(mote::float64), b.to(mote::float64)));
    costs.flops += 2.0 * static_cast<double>(got.back().numel()) * static_cast<double>(a.size(-1));
    costs.bytes += 4.0 * static_cast<double>(a.numel() + b.numel() + got.back().numel());
  });
  return checked(row, repeated([products] { return (*products)(); }), got, want, {got.back()}, costs);
}

}  // namespace

void add_gpt_products(Rows& rows, const Selection& selection) {
  for (const auto& choice : training_cases(selection)) {
    Row row = gpt_row("gpt_products", shape_name(choice.value, "B"), selection, choice, prepare_products);
    row.tolerance = 1e-5;
    row.torch = {{.setup = fmt::format("step = models.GPTProducts({}, device, {})", choice.value.batch,
                                       python_config(choice.value.model)),
                  .run = "step()"}};
    rows.push_back(std::move(row));
  }
}

}  // namespace bench
