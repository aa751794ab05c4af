// The chapter on autograd: gradients, accumulation, second derivatives, in-place changes, an operation of one's own.
#include <mote/mote.h>

#include <iostream>

using mote::Tensor;

static void gradients() {
  Tensor x = mote::tensor({1.0, 2.0, 3.0}, {.requires_grad = true});
  Tensor loss = (x * x).sum();
  std::cout << loss << "\n";
  loss.backward();
  std::cout << x.grad() << "\n";
}

static void accumulation() {
  Tensor x = mote::tensor(3.0, {.requires_grad = true});
  (2.0 * x).backward();
  (5.0 * x).backward();
  std::cout << x.grad() << "\n";
  mote::NoGradGuard no_grad;
  std::cout << (x * x).requires_grad() << "\n";
}

static void second_derivative() {
  Tensor x = mote::tensor(2.0, {.requires_grad = true});
  Tensor first = mote::grad({x * x * x}, {x}, {.create_graph = true})[0];
  Tensor second = mote::grad({first}, {x})[0];
  std::cout << first.item<double>() << " " << second.item<double>() << "\n";
}

static void in_place() {
  Tensor x = mote::ones({3}, {.requires_grad = true});
  Tensor y = mote::exp(x);
  y.add_(1.0);  // but the gradient of exp is its result
  try {
    y.sum().backward();
  } catch (const mote::StateError& error) {
    std::cout << error.what() << "\n";
  }
}

struct Cube : mote::Function<Cube> {
  static Tensor forward(mote::AutogradContext& context, const Tensor& x) {
    context.save_for_backward({x});
    return x * x * x;
  }
  static Tensor backward(mote::AutogradContext& context, const Tensor& gradient) {
    const Tensor x = context.saved_tensors()[0];
    return gradient * 3.0 * x * x;
  }
};

static void custom_function() {
  Tensor x = mote::tensor(2.0, {.requires_grad = true});
  Cube::apply(x).backward();
  std::cout << x.grad() << "\n";
}

int main() {
  gradients();
  accumulation();
  second_derivative();
  in_place();
  custom_function();
}
