// Runs rows: verifies, calls the peers, times everybody in turn.
#pragma once

#include "bench_options.h"
#include "bench_report.h"
#include "bench_row.h"
#include "peer.h"

namespace bench {

struct Context {
  const Options& options;
  mote::Device device;
  Probes probes;
  std::vector<std::unique_ptr<Peer>> peers;
};

// A row whose result is wrong, or which throws, has no measurements.
RowResult run(const Row& row, Context& context);

}  // namespace bench
