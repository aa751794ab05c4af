// What the machine can do, measured in the same run: bytes copied and matrix products, each by the best of several
// ways.
#pragma once

#include <mote/device.h>

#include <memory>
#include <string>
#include <vector>

#include "bench_row.h"
#include "contender.h"

namespace bench {

struct Roofline {
  double bytes_per_second = 0;  // read plus written, by arrays far beyond the caches
  std::string copy;             // the way that was best
  double flops_per_second = 0;  // of a square product of float32
  std::string product;

  // The least time that these costs allow.
  double seconds(const Costs& costs) const;
};

// Measures the roofline once, and keeps the best ways to measure it again beside each row: on a machine that is shared,
// what memory gives changes from minute to minute.
class Probes {
 public:
  // `smoke`: small arrays, for a program that is only tried out.
  Probes(const mote::Device& device, bool smoke);

  const Roofline& first() const { return roofline_; }
  // The two, to take part in the rounds of a row: the copy, then the product.
  std::vector<std::unique_ptr<Contender>> contenders() const;
  // What these times of theirs mean.
  Roofline of(double copy_seconds, double product_seconds) const;

 private:
  struct Probe {
    Loop loop;
    double amount = 0;  // bytes or operations
    double rate = 0;
    std::string name;
  };

  void try_copies(bool smoke);
  void try_products(bool smoke);
  // Keeps it where it is the best so far.
  void consider(Probe probe, Probe& best) const;

  mote::Device device_;
  Probe copy_, product_;
  Roofline roofline_;
};

}  // namespace bench
