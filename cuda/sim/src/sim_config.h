// How the simulator runs, read once from the environment.
#pragma once

#include <cstdint>

namespace simt {

struct Config {
  enum class Schedule { Forward, Reverse, Random, Pct };
  enum class Async { Late, Early, Random };

  int workers = 1;                        // SIMT_WORKERS: OS threads that run blocks
  Schedule schedule = Schedule::Forward;  // SIMT_SCHED=forward|reverse|random:SEED|pct:SEED
  uint64_t seed = 0;
  Async async = Async::Late;      // SIMT_ASYNC=late|early|random: when cp.async data lands
  bool deferred_streams = false;  // SIMT_STREAMS=deferred: work runs only when somebody waits for it
  bool protect = true;            // SIMT_PROTECT=0: the host may read device memory
  int compute_capability = 90;    // SIMT_CC=80|86|90|...
};

const Config& config();

}  // namespace simt
