#include "sim_config.h"

#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

namespace simt {

namespace {

std::string read(const char* name, const char* fallback) {
  const char* value = std::getenv(name);
  return value && *value ? value : fallback;
}

Config::Schedule parse_schedule(std::string_view text) {
  if (text.starts_with("pct")) return Config::Schedule::Pct;
  if (text.starts_with("reverse")) return Config::Schedule::Reverse;
  if (text.starts_with("random")) return Config::Schedule::Random;
  return Config::Schedule::Forward;
}

Config read_environment() {
  Config config;
  config.workers = std::atoi(read("SIMT_WORKERS", "0").c_str());
  if (config.workers <= 0) config.workers = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  const std::string schedule = read("SIMT_SCHED", "forward");
  config.schedule = parse_schedule(schedule);
  if (const size_t colon = schedule.find(':'); colon != std::string::npos)
    config.seed = std::strtoull(schedule.c_str() + colon + 1, nullptr, 10);
  const std::string async = read("SIMT_ASYNC", "late");
  config.async = async == "early"    ? Config::Async::Early
                 : async == "random" ? Config::Async::Random
                                     : Config::Async::Late;
  config.deferred_streams = read("SIMT_STREAMS", "immediate") == "deferred";
  config.protect = read("SIMT_PROTECT", "1") != "0";
  config.compute_capability = std::atoi(read("SIMT_CC", "90").c_str());
  return config;
}

}  // namespace

const Config& config() {
  static const Config config = read_environment();
  return config;
}

}  // namespace simt
