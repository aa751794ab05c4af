#include "mote/recipe.h"

#include "mote/grad_mode.h"
#include "mote/node.h"

namespace mote {

Tensor Recipe::result() const {
  const NoGradGuard no_grad;
  return make_();
}

bool takes_recipe(const Tensor& y) {
  // Below, memory is not what a program is short of.
  constexpr int64_t kLarge = 1 << 20;
  return tracks_grad(y) && y.numel() * static_cast<int64_t>(size_of(y.dtype())) >= kLarge;
}

}  // namespace mote
