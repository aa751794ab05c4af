#include "run_row.h"

#include <fmt/format.h>

#include <stdexcept>

#include "checksum.h"
#include "rounds.h"
#include "verify.h"

namespace bench {

namespace {

using Contenders = std::vector<std::unique_ptr<Contender>>;

void add_libraries(const Row& row, const Prepared& prepared, const Context& context, Contenders& contenders,
                   std::vector<std::string>& notes) {
  if (!context.device.is_cpu()) return;
  for (const Library& library : row.libraries) {
    try {
      Tensor result;
      Loop loop = library.prepare(result);
      loop(1);
      const double tolerance = std::max(1e-3, 10 * row.tolerance);
      const std::string what =
          prepared.checksum.empty() ? "" : difference(checksum_of({result}), prepared.checksum, tolerance);
      if (what.empty())
        contenders.push_back(std::make_unique<LocalContender>(library.name, std::move(loop), context.device));
      else
        notes.push_back(fmt::format("{}: computes something else: {}", library.name, what));
    } catch (const std::exception& error) {  // of whatever kind the library throws
      notes.push_back(fmt::format("{}: {}", library.name, error.what()));
    }
  }
}

void add_peers(const Row& row, const Prepared& prepared, Context& context, Contenders& contenders,
               std::vector<std::string>& notes) {
  const auto add = [&](Peer& peer, const TorchForm& form) {
    PreparedPeer ready = prepare_peer(peer, row, form, prepared.checksum);
    if (ready.contender)
      contenders.push_back(std::move(ready.contender));
    else
      notes.push_back(ready.why);
  };
  for (const std::unique_ptr<Peer>& peer : context.peers) {
    if (peer->is_python())
      for (const TorchForm& form : row.torch) add(*peer, form);
    else if (!row.libtorch.empty())
      add(*peer, {});
  }
}

// The rooflines of the rounds, from the two probes that took part last.
std::vector<Roofline> rooflines_of(const Probes& probes, const std::vector<Series>& series) {
  for (const Series& probe : {series.end()[-2], series.end()[-1]})
    if (!probe.failed.empty()) throw std::runtime_error("the roofline: " + probe.failed);
  const std::vector<double>&copies = series.end()[-2].seconds, &products = series.end()[-1].seconds;
  std::vector<Roofline> rooflines;
  for (size_t round = 0; round < copies.size(); ++round) rooflines.push_back(probes.of(copies[round], products[round]));
  return rooflines;
}

// The least time that each round allowed, by the time that it took; the median.
double share_of(const std::vector<Roofline>& rooflines, const Costs& costs, const std::vector<double>& seconds) {
  std::vector<double> shares;
  for (size_t round = 0; round < seconds.size(); ++round)
    shares.push_back(rooflines[round].seconds(costs) / seconds[round]);
  return summarize(shares).median;
}

Measurement measurement_of(const Row& row, const Costs& costs, const Contender& contender, const Series& series,
                           const Series& mote, const std::vector<Roofline>& rooflines) {
  std::vector<double> seconds = series.seconds;
  for (double& value : seconds) value /= row.operations;
  Measurement m{.name = contender.name(),
                .seconds = summarize(seconds),
                .rounds = static_cast<int>(seconds.size()),
                .repetitions = series.repetitions};
  const double repetition = m.seconds.median * row.operations;
  m.flops_per_second = costs.flops / repetition;
  m.bytes_per_second = costs.bytes / repetition;
  m.roofline = share_of(rooflines, costs, series.seconds);
  if (&series != &mote) m.ratio = ratio(series.seconds, mote.seconds);
  return m;
}

// What one repetition allocates, or a note why that is not known.
std::optional<Memory> memory_of(Contender& contender, std::vector<std::string>& notes) {
  try {
    return contender.memory();
  } catch (const std::exception& error) {
    notes.push_back(fmt::format("{}: while its memory was measured: {}", contender.name(), error.what()));
    return std::nullopt;
  }
}

void time_row(const Row& row, const Prepared& prepared, Context& context, RowResult& result) {
  Contenders contenders;
  contenders.push_back(std::make_unique<LocalContender>("mote", prepared.loop, context.device, prepared.release));
  add_libraries(row, prepared, context, contenders, result.notes);
  add_peers(row, prepared, context, contenders, result.notes);
  const size_t implementations = contenders.size();
  for (std::unique_ptr<Contender>& probe : context.probes.contenders()) contenders.push_back(std::move(probe));
  TimeOptions options{.rounds = context.options.rounds, .cold = context.options.cold};
  if (context.options.smoke) options = {.rounds = 1, .round_seconds = 0};
  options.probes = contenders.size() - implementations;
  const std::vector<Series> series = time_in_turn(contenders, options);
  if (!series[0].failed.empty()) throw std::runtime_error(series[0].failed);
  const std::vector<Roofline> rooflines = rooflines_of(context.probes, series);
  for (size_t i = 0; i < implementations; ++i) {
    const std::string& name = contenders[i]->name();
    if (!series[i].failed.empty()) {
      result.notes.push_back(fmt::format("{}: while it was timed: {}", name, series[i].failed));
      continue;
    }
    result.measurements.push_back(measurement_of(row, prepared.costs, *contenders[i], series[i], series[0], rooflines));
    if (context.options.memory) result.measurements.back().memory = memory_of(*contenders[i], result.notes);
    if (series[i].unsettled > 0)
      result.notes.push_back(fmt::format("{}: still ran after {} of its turns", name, series[i].unsettled));
  }
}

// Whatever happens to a row, peers forget it.
struct Released {
  Context& context;
  explicit Released(Context& of) : context(of) {}
  Released(const Released&) = delete;
  Released& operator=(const Released&) = delete;
  ~Released() {
    for (const std::unique_ptr<Peer>& peer : context.peers) peer->release();
  }
};

}  // namespace

RowResult run(const Row& row, Context& context) {
  RowResult result{.name = name_of(row, context.device),
                   .family = row.family,
                   .operation = row.operation,
                   .shape = row.shape,
                   .dtype = name_of(row.dtype),
                   .device = context.device.str(),
                   .direction = name_of(row.direction),
                   .tolerance = row.tolerance};
  const Released released{context};
  try {
    const Prepared prepared = row.prepare(row);
    result.error = prepared.error;
    result.costs = prepared.costs;
    result.wrong = prepared.wrong;
    if (result.wrong.empty()) time_row(row, prepared, context, result);
  } catch (const std::exception& error) {
    result.wrong = error.what();
    result.measurements.clear();
  }
  return result;
}

}  // namespace bench
