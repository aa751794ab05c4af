// mote_bench: see docs/benchmarking.md.
#include <fmt/format.h>
#include <mote/cuda.h>
#include <omp.h>

#include <cstdio>
#include <regex>

#include "harness/bench_options.h"
#include "harness/compare_reports.h"
#include "harness/machine.h"
#include "harness/run_row.h"
#include "rows/rows.h"
#include "ulp.h"

namespace bench {

namespace {

constexpr int kWrong = 1;      // exit code: a result was wrong, or a bound of its error
constexpr int kCannotRun = 2;  // exit code: nothing was measured

int compare_files(const CompareFiles& files) {
  const Comparisons comparisons = compare(load_report(files.before), load_report(files.after));
  fmt::print("{}", to_text(comparisons));
  return comparisons.exit_code();
}

Rows chosen_rows(const Options& options, const mote::Device& device) {
  Rows rows = all_rows({.sweep = options.sweep, .smoke = options.smoke, .device = device});
  const std::regex filter(options.filter);
  std::erase_if(rows, [&](const Row& row) { return !std::regex_search(name_of(row, device), filter); });
  return rows;
}

void add_peer(Context& context, const std::vector<std::string>& command, int threads) {
  try {
    context.peers.push_back(std::make_unique<Peer>(command, threads, context.device));
    fmt::print("peer: {}{}\n", context.peers.back()->name(), context.peers.back()->is_python() ? ", from Python" : "");
  } catch (const ProcessError& error) {
    fmt::print(stderr, "mote_bench: no peer: {}: {}\n", command.front(), error.what());
  }
}

void add_peers(Context& context, int threads) {
  if (!context.options.peers || context.options.smoke) return;
  for (const std::string& python : context.options.torch_pythons)
    add_peer(context, {python, MOTE_BENCH_SOURCE_DIR "/peers/torch_peer.py"}, threads);
  for (const std::string& program : context.options.libtorch_peers) add_peer(context, {program}, threads);
#ifdef MOTE_BENCH_LIBTORCH
  add_peer(context, {MOTE_BENCH_LIBTORCH}, threads);
#endif
}

void write(const Options& options, const Report& report) {
  if (!options.json.empty()) mote::write_file_atomically(options.json, to_json(report));
  if (!options.markdown.empty()) mote::write_file_atomically(options.markdown, to_markdown(report));
}

int measure(const Options& options) {
  if (options.threads > 0) omp_set_num_threads(options.threads);
  if (options.ulp) return check_accuracy(*options.ulp, options.smoke) ? 0 : kWrong;
  const mote::Device device(options.device.c_str());
  const Rows rows = chosen_rows(options, device);
  if (options.list) {
    for (const Row& row : rows) fmt::print("{}\n", name_of(row, device));
    return 0;
  }
  if (rows.empty()) {
    fmt::print(stderr, "mote_bench: no row has a name that matches {}; --list --sweep shows all\n", options.filter);
    return kCannotRun;
  }
  if (device.is_cuda() && mote::cuda::is_simulated() && !options.smoke) {
    fmt::print(stderr, "mote_bench: {} is the simulator: right results, no speed; there is nothing to time\n",
               device.str());
    return kCannotRun;
  }
  Report report{.date = date_text(), .commit = commit_text(), .machine = describe_machine(device)};
  report.settings = {omp_get_max_threads(), options.smoke ? 1 : options.rounds, options.cold, options.smoke};
  Context context{options, device, Probes(device, options.smoke), {}};
  report.roofline = context.probes.first();
  fmt::print("{}, {} threads: copy {:.1f} GB/s ({}), product {:.0f} GFLOP/s ({})\n", report.machine.cpu,
             report.settings.threads, report.roofline.bytes_per_second / 1e9, report.roofline.copy,
             report.roofline.flops_per_second / 1e9, report.roofline.product);
  add_peers(context, report.settings.threads);
  for (const auto& peer : context.peers) report.machine.libraries.emplace_back(peer->name(), peer->build());
  int wrong = 0;
  for (const Row& row : rows) {
    report.rows.push_back(run(row, context));
    wrong += !report.rows.back().wrong.empty();
    fmt::print("{}", to_text(report.rows.back()));
    std::fflush(stdout);
    write(options, report);  // after each row: what is there survives an interruption
  }
  if (wrong > 0) fmt::print(stderr, "mote_bench: {} row{} wrong\n", wrong, wrong == 1 ? " is" : "s are");
  return wrong > 0 ? kWrong : 0;
}

}  // namespace

int run_program(int argc, char** argv) {
  CommandLine command_line;
  if (const std::optional<int> code = parse(argc, argv, command_line)) return *code;
  try {
    return command_line.compare ? compare_files(*command_line.compare) : measure(command_line.options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "mote_bench: {}\n", error.what());
    return kCannotRun;
  }
}

}  // namespace bench

int main(int argc, char** argv) { return bench::run_program(argc, argv); }
