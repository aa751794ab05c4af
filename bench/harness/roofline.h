// What the machine can do, measured in the same run: bytes copied and matrix products, each by the best of several
// ways.
#pragma once

#include <mote/device.h>

#include <string>

#include "bench_row.h"

namespace bench {

struct Roofline {
  double bytes_per_second = 0;  // read plus written, by arrays far beyond the caches
  std::string copy;             // the way that was best
  double flops_per_second = 0;  // of a square product of float32
  std::string product;

  // The least time that these costs allow.
  double seconds(const Costs& costs) const;
};

// `smoke`: small arrays, for a program that is only tried out.
Roofline measure_roofline(const mote::Device& device, bool smoke);

}  // namespace bench
