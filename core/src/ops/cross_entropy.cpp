// Losses against classes. Cross-entropy is fused row by row; its reduction, and what has class weights or
// probabilities, is written with public operations.
#include <fmt/format.h>

#include "mote/creation.h"
#include "mote/embedding.h"
#include "mote/loss.h"
#include "mote/recording.h"
#include "ops/autocast_operand.h"
#include "ops/loss_reduction.h"
#include "ops/support.h"
#include "ops/type_promotion.h"

namespace mote {

namespace {

void check_class_options(const char* op, const Tensor& scores, int64_t classes, const CrossEntropyOptions& options) {
  if (options.weight.defined()) {
    check_same_device(op, "input", scores, "weight", options.weight);
    if (options.weight.shape() != Shape({classes}))
      throw ShapeError(fmt::format("{}: expected a weight of shape [{}], one for each class, but got {}", op, classes,
                                   options.weight.shape().str()));
  }
  if (!(options.label_smoothing >= 0.0 && options.label_smoothing <= 1.0))
    throw ValueError(
        fmt::format("{}: expected label_smoothing to be in [0, 1], but got {}", op, options.label_smoothing));
}

// [classes], [rows, classes] or [N, classes, ...] as [rows, classes], and the target as [rows].
struct Rows {
  Tensor scores;
  Tensor target;
};

Rows as_rows(const char* op, const Tensor& scores, const Tensor& target, const CrossEntropyOptions& options) {
  check_same_device(op, {{"input", &scores}, {"target", &target}});
  check_floating_point(op, scores);
  check_dtype(op, "target", target, DType::Int64);
  if (scores.dim() == 0) throw ShapeError(fmt::format("{}: expected at least one dimension, but got a number", op));
  const int64_t class_dim = scores.dim() == 1 ? 0 : 1;
  Shape expected = scores.shape();
  expected.erase(class_dim);
  if (target.shape() != expected)
    throw ShapeError(fmt::format("{}: expected a target of shape {} for an input of shape {}, but got {}", op,
                                 expected.str(), scores.shape().str(), target.shape().str()));
  const int64_t classes = scores.shape()[class_dim];
  check_class_options(op, scores, classes, options);
  return {scores.movedim(class_dim, -1).reshape({expected.numel(), classes}), target.reshape({expected.numel()})};
}

// The rows' losses in the shape of the target. The mean is over `counts`, each row's share in it.
Tensor reduce_rows(const Tensor& loss, const Tensor& counts, const Shape& shape, Reduction reduction) {
  if (reduction == Reduction::None) return loss.reshape(shape);
  return reduction == Reduction::Sum ? loss.sum() : loss.sum() / counts.sum(loss.dtype());
}

// Throws for a target outside [0, classes) that is not ignored.
void check_targets(const char* op, const Tensor& target, int64_t classes, int64_t ignore_index) {
  if (target.device().is_meta() || target.numel() == 0) return;
  refuse_host_read(op, target.device());
  const Tensor wild = logical_and(logical_or(lt(target, 0), ge(target, classes)), ne(target, ignore_index));
  if (!wild.any().item<bool>()) return;
  const auto row = wild.to(DType::UInt8).argmax().item<int64_t>();
  throw IndexError(fmt::format("{}: target {} at row {} is outside [0, {})", op, target.select(0, row).item<int64_t>(),
                               row, classes));
}

// weight[target] * -((1 - s) * log_probs[target] + s * mean of log_probs), from public operations.
Tensor composed_rows(const char* op, const Tensor& log_probs, const Tensor& target, const CrossEntropyOptions& options,
                     Tensor* counts) {
  const int64_t classes = log_probs.size(1);
  check_targets(op, target, classes, options.ignore_index);
  const Tensor ignored = eq(target, options.ignore_index);
  const Tensor safe = masked_fill(target, ignored, 0);
  const bool weighted = options.weight.defined();
  const Tensor weight = weighted ? options.weight.detach() : Tensor();
  *counts =
      weighted ? masked_fill(weight.index_select(0, safe), ignored, 0) : ignored.logical_not().to(log_probs.dtype());
  Tensor loss = -log_probs.gather(1, safe.unsqueeze(1)).squeeze(1) * *counts;
  if (options.label_smoothing == 0.0) return loss.masked_fill(ignored, 0);
  const Tensor all = weighted ? (log_probs * weight).sum(1) : log_probs.sum(1);
  return (loss * (1.0 - options.label_smoothing) - all * (options.label_smoothing / static_cast<double>(classes)))
      .masked_fill(ignored, 0);
}

// The gradient of each row with public operations: (softmax - smoothed target) * g, 0 where ignored.
Tensor composed_gradient(const Tensor& g, const Tensor& logits, const Tensor& target, int64_t ignore_index,
                         double label_smoothing) {
  const int64_t classes = logits.size(1);
  const Tensor ignored = eq(target, ignore_index);
  const Tensor labels = one_hot(masked_fill(target, ignored, 0), classes).to(g.dtype());
  const Tensor wanted = labels * (1.0 - label_smoothing) + label_smoothing / static_cast<double>(classes);
  const Tensor share = softmax(logits, 1, g.dtype()) - wanted;
  return (share * masked_fill(g, ignored, 0).unsqueeze(1)).to(logits.dtype());
}

// The loss of each row, in float32 for 16-bit types.
Tensor fused_rows(const Tensor& logits, const Tensor& target, int64_t ignore_index, double label_smoothing) {
  const DType compute = logits.dtype() == DType::Float64 ? DType::Float64 : DType::Float32;
  const int64_t rows = logits.size(0);
  Tensor loss = make_result("cross_entropy", {rows}, compute, logits.device());
  Tensor log_sum_exp = make_result("cross_entropy", {rows, 2}, compute, logits.device());
  backend_of(logits).cross_entropy(view_of(loss), view_of(log_sum_exp), view_of(logits), view_of(target), ignore_index,
                                   label_smoothing);
  if (needs_grad(logits))
    record("cross_entropy", loss, {&logits},
           [logits = Saved(logits), target = Saved(target), log_sum_exp = Saved(log_sum_exp), ignore_index,
            label_smoothing](const Tensor& g) {
             const Tensor x = logits();
             if (is_grad_enabled()) return composed_gradient(g, x, target(), ignore_index, label_smoothing);
             Tensor grad = make_result("cross_entropy", x.shape(), x.dtype(), x.device());
             backend_of(x).cross_entropy_backward(view_of(grad), view_of(g), view_of(log_sum_exp()), view_of(x),
                                                  view_of(target()), ignore_index, label_smoothing);
             return grad;
           });
  return loss;
}

// The loss against probabilities, from public operations.
Tensor against_probabilities(const Tensor& logits, const Tensor& target, const CrossEntropyOptions& options) {
  const char* op = "cross_entropy";
  check_same_device(op, "input", logits, "target", target);
  check_floating_point(op, logits);
  if (logits.dim() == 0) throw ShapeError(fmt::format("{}: expected at least one dimension, but got a number", op));
  if (logits.shape() != target.shape())
    throw DTypeError(fmt::format(
        "{}: expected a target of int64 positions of classes, or of probabilities of shape {}, but got {} of shape {}",
        op, logits.shape().str(), name_of(target.dtype()), target.shape().str()));
  if (options.ignore_index >= 0)
    throw ValueError(
        fmt::format("{}: ignore_index {} names a position, but the target holds probabilities; leave "
                    "ignore_index out",
                    op, options.ignore_index));
  const int64_t class_dim = logits.dim() == 1 ? 0 : 1, classes = logits.size(class_dim);
  check_class_options(op, logits, classes, options);
  const DType dtype = result_type(logits, target), compute = dtype == DType::Float64 ? dtype : DType::Float32;
  Tensor share = target.to(compute);
  if (options.label_smoothing > 0.0)
    share = share * (1.0 - options.label_smoothing) + options.label_smoothing / static_cast<double>(classes);
  if (options.weight.defined()) {
    Shape along = Shape::filled(logits.shape().rank(), 1);
    along[class_dim] = classes;
    share = share * options.weight.detach().to(compute).reshape(along);
  }
  return reduced(-(log_softmax(logits, class_dim, compute) * share).sum(class_dim), options.reduction).to(dtype);
}

}  // namespace

Tensor cross_entropy(const Tensor& own_logits, const Tensor& target, const CrossEntropyOptions& options) {
  const Autocast cast(kLosses, own_logits);
  const Tensor& logits = cast;
  if (target.is_floating_point()) return against_probabilities(logits, target, options);
  const Rows rows = as_rows("cross_entropy", logits, target, options);
  if (options.weight.defined()) {
    Tensor counts;
    const Tensor loss = composed_rows("cross_entropy", log_softmax(rows.scores, 1), rows.target, options, &counts);
    return reduce_rows(loss, counts, target.shape(), options.reduction);
  }
  const Tensor loss = fused_rows(rows.scores, rows.target, options.ignore_index, options.label_smoothing);
  const Tensor counts = options.reduction == Reduction::Mean ? ne(rows.target, options.ignore_index) : Tensor();
  return reduce_rows(loss, counts, target.shape(), options.reduction).to(logits.dtype());
}

Tensor nll_loss(const Tensor& log_probs, const Tensor& target, const CrossEntropyOptions& options) {
  const Rows rows = as_rows("nll_loss", Autocast(kLosses, log_probs), target, options);
  Tensor counts;
  const Tensor loss = composed_rows("nll_loss", rows.scores, rows.target, options, &counts);
  return reduce_rows(loss, counts, target.shape(), options.reduction);
}

}  // namespace mote
