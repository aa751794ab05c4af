#include "machine.h"

#include <benchmark/benchmark.h>
#include <cblas.h>
#include <fmt/format.h>
#include <mote/cpu_capability.h>
#include <mote/cuda.h>
#include <oneapi/dnnl/dnnl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <memory>

#ifdef MOTE_BENCH_EIGEN
#include <Eigen/Core>
#endif

namespace bench {

namespace {

// The first value of a key in /proc/cpuinfo.
std::string cpu_info(const std::string& key) {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(key) && line.find(": ") != std::string::npos) return line.substr(line.find(": ") + 2);
  return {};
}

std::string compiler_text() {
#if defined(__clang__)
  return fmt::format("clang {}.{}.{}", __clang_major__, __clang_minor__, __clang_patchlevel__);
#else
  return fmt::format("g++ {}.{}.{}", __GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#endif
}

std::string system_text() {
  utsname name{};
  uname(&name);
  return fmt::format("{} {} {}", name.sysname, name.release, name.machine);
}

// "OpenBLAS 0.3.21 DYNAMIC_ARCH ..." without the options.
std::string openblas_version() {
  const std::string config = openblas_get_config();
  const size_t begin = config.find(' ') + 1;
  return config.substr(begin, config.find(' ', begin) - begin);
}

std::vector<std::pair<std::string, std::string>> library_versions() {
  const dnnl_version_t* onednn = dnnl_version();
  std::vector<std::pair<std::string, std::string>> versions = {
      {"OpenBLAS", openblas_version() + " " + openblas_get_corename()},
      {"oneDNN", fmt::format("{}.{}.{}", onednn->major, onednn->minor, onednn->patch)}};
#ifdef MOTE_BENCH_EIGEN
  versions.emplace_back("Eigen",
                        fmt::format("{}.{}.{}", EIGEN_WORLD_VERSION, EIGEN_MAJOR_VERSION, EIGEN_MINOR_VERSION));
#endif
  return versions;
}

}  // namespace

Machine describe_machine(const mote::Device& device) {
  Machine machine;
  const benchmark::CPUInfo& info = benchmark::CPUInfo::Get();
  machine.cpu =
      fmt::format("{} (family {}, model {})", cpu_info("model name"), cpu_info("cpu family"), cpu_info("model\t"));
  machine.cpus = info.num_cpus;
  for (const auto& cache : info.caches)
    machine.last_cache_bytes = std::max(machine.last_cache_bytes, static_cast<int64_t>(cache.size));
  machine.memory_bytes = static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  if (device.is_cuda()) machine.gpu = mote::cuda::get_device_properties(device.index()).name;
  machine.system = system_text();
  machine.compiler = compiler_text();
  machine.build = MOTE_BENCH_BUILD_TYPE;
  machine.capability = mote::cpu_capability();
  machine.libraries = library_versions();
  return machine;
}

std::string date_text() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  return {text, std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc)};
}

std::string commit_text() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(
      popen("git -C '" MOTE_BENCH_SOURCE_DIR "' describe --always --dirty --abbrev=12 --exclude '*' 2>/dev/null", "r"),
      pclose);
  char text[64] = {};
  if (!pipe || !std::fgets(text, sizeof(text), pipe.get())) return {};
  const std::string commit = text;
  return commit.substr(0, commit.find('\n'));
}

}  // namespace bench
