// Results against a reference in float64.
#pragma once

#include <mote/tensor.h>

#include <string>
#include <vector>

namespace bench {

struct Verdict {
  double error = 0;   // greatest difference of an element, by the greater of its reference and the mean of all
  std::string wrong;  // what is wrong, or empty
};

// The reference has the values in float64; a NaN or infinity must stand where the reference has one. The difference of
// an element is measured by the absolute value of its reference or, where that is greater, the mean of the tensor's
// absolute values: the sums behind an element that is close to zero round as those of the others do. A few great
// elements raise that mean little: in the gradient of a cross entropy over 50,000 classes, whose greatest elements are
// 50,000 times the usual ones, it is twice a usual one.
Verdict verify(const std::vector<mote::Tensor>& got, const std::vector<mote::Tensor>& want, double tolerance);

}  // namespace bench
