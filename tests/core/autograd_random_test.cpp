// Random programs of views and in-place changes: each has the right gradient, or is refused; none has a wrong one.
#include <random>

#include "mote/core.h"
#include "mote/testing.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

using Tensors = std::vector<Tensor>;

// One program, which is the same each time that it runs.
class Program {
 public:
  explicit Program(uint32_t seed) : random_(seed) {}

  Tensor run(const Tensor& x) {
    pool_ = {x * 1.0, x + 0.25, zeros({2, 3}, {.dtype = float64})};
    for (int step = 0; step < 10; ++step) {
      const Tensor& t = pool_[below(pool_.size())];
      switch (below(3)) {
        case 0:
          pool_.push_back(view_of(t));
          break;
        case 1:
          change(t);
          break;
        default:
          pool_.push_back(compute(t));
      }
    }
    Tensor sum = zeros({}, {.dtype = float64});
    for (size_t i = 0; i < pool_.size(); ++i) sum = sum + (pool_[i] * (0.3 + static_cast<double>(i))).sum();
    return sum;
  }

 private:
  size_t below(size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random_); }

  Tensor view_of(const Tensor& t) {
    const auto dim = static_cast<int64_t>(below(static_cast<size_t>(std::max<int64_t>(t.dim(), 1))));
    if (t.dim() == 0) return t.unsqueeze(0);
    const int64_t size = t.size(dim);
    switch (below(8)) {
      case 0:
        return t.select(dim, static_cast<int64_t>(below(static_cast<size_t>(size))));
      case 1:
        return t.slice(dim, static_cast<int64_t>(below(static_cast<size_t>(size))), size);
      case 2:
        return t.slice(dim, 0, size, 2);
      case 3:
        return t.transpose(0, dim);
      case 4:
        return t.dim() < 4 ? t.unsqueeze(dim) : t.squeeze();
      case 5:
        return t.reshape({-1});  // a view, or a copy
      case 6:
        return t.dim() >= 2 ? t.diagonal(0, 0, 1) : t.unsqueeze(1);
      default:
        return t.flatten();
    }
  }

  // An operand that broadcasts to t.
  Tensor other_for(const Tensor& t) {
    const Tensor& candidate = pool_[below(pool_.size())];
    return candidate.shape() == t.shape() ? candidate : candidate.mean();
  }

  void change(const Tensor& t) {
    switch (below(9)) {
      case 0:
        t.mul_(1.5);
        break;
      case 1:
        t.add_(other_for(t));
        break;
      case 2:
        t.mul_(other_for(t));
        break;
      case 3:
        t.sin_();
        break;
      case 4:
        t.tanh_();
        break;
      case 5:
        t.copy_(other_for(t));
        break;
      case 6:
        t.fill_(0.25);
        break;
      case 7:
        t.masked_fill_(t.detach() > 0.61234, 0.5);
        break;
      default:
        if (t.dim() > 0) t.index_put_({tensor({0, 0})}, other_for(t[0]), true);
    }
  }

  Tensor compute(const Tensor& t) {
    switch (below(4)) {
      case 0:
        return sin(t);
      case 1:
        return t * other_for(t);
      case 2:
        return t.clone();
      default:
        return t + other_for(t) * 0.5;
    }
  }

  std::mt19937 random_;
  Tensors pool_;
};

}  // namespace

TEST_CASE("random programs of views and in-place changes have no wrong gradient") {
  constexpr uint32_t kPrograms = 400;
  int right = 0, refused = 0;
  for (uint32_t seed = 0; seed < kPrograms; ++seed) {
    INFO("program " << seed);
    manual_seed(seed);
    const Tensor x = rand({2, 3}, {.dtype = float64}).requires_grad_();
    const auto function = [seed](const Tensors& in) { return Program(seed).run(in[0]); };
    try {
      const bool agrees = gradcheck(function, {x}) && gradgradcheck(function, {x});
      CHECK(agrees);
      ++right;
    } catch (const StateError&) {  // a saved value was changed
      ++refused;
    }
  }
  CHECK(right > 150);
  CHECK(refused > 10);
}

}  // namespace mote::testing
