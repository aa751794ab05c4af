#include <mote/serialize.h>

#include <nlohmann/json.hpp>

#include <stdexcept>

#include "bench_report.h"

namespace bench {

using nlohmann::json;

namespace {

void to_json(json& j, const Summary& s) { j = {{"median", s.median}, {"q1", s.q1}, {"q3", s.q3}, {"least", s.least}}; }
void from_json(const json& j, Summary& s) {
  s = {j.at("median").get<double>(), j.at("q1").get<double>(), j.at("q3").get<double>(), j.at("least").get<double>()};
}

json json_of(const Measurement& m) {
  json j = {{"name", m.name}, {"rounds", m.rounds}, {"repetitions", m.repetitions}};
  to_json(j["seconds"], m.seconds);
  j["flops_per_second"] = m.flops_per_second;
  j["bytes_per_second"] = m.bytes_per_second;
  j["roofline"] = m.roofline;
  if (m.ratio) to_json(j["ratio"], *m.ratio);
  if (m.memory) j["memory"] = {{"peak_bytes", m.memory->peak_bytes}, {"allocations", m.memory->allocations}};
  return j;
}

Measurement measurement_of(const json& j) {
  Measurement m;
  m.name = j.at("name").get<std::string>();
  m.rounds = j.at("rounds").get<int>();
  m.repetitions = j.at("repetitions").get<int64_t>();
  from_json(j.at("seconds"), m.seconds);
  m.flops_per_second = j.at("flops_per_second").get<double>();
  m.bytes_per_second = j.at("bytes_per_second").get<double>();
  m.roofline = j.at("roofline").get<double>();
  if (j.contains("ratio")) from_json(j.at("ratio"), m.ratio.emplace());
  if (j.contains("memory"))
    m.memory = Memory{j.at("memory").at("peak_bytes").get<int64_t>(), j.at("memory").at("allocations").get<int64_t>()};
  return m;
}

json json_of(const RowResult& r) {
  json j = {{"name", r.name},           {"family", r.family},     {"operation", r.operation}, {"shape", r.shape},
            {"dtype", r.dtype},         {"device", r.device},     {"direction", r.direction}, {"error", r.error},
            {"tolerance", r.tolerance}, {"flops", r.costs.flops}, {"bytes", r.costs.bytes},   {"notes", r.notes}};
  if (!r.wrong.empty()) j["wrong"] = r.wrong;
  j["measurements"] = json::array();
  for (const Measurement& measurement : r.measurements) j["measurements"].push_back(json_of(measurement));
  return j;
}

RowResult row_of(const json& j) {
  RowResult r;
  r.name = j.at("name").get<std::string>();
  r.family = j.at("family").get<std::string>();
  r.operation = j.at("operation").get<std::string>();
  r.shape = j.at("shape").get<std::string>();
  r.dtype = j.at("dtype").get<std::string>();
  r.device = j.at("device").get<std::string>();
  r.direction = j.at("direction").get<std::string>();
  r.wrong = j.value("wrong", "");
  r.error = j.at("error").get<double>();
  r.tolerance = j.at("tolerance").get<double>();
  r.costs = {j.at("flops").get<double>(), j.at("bytes").get<double>()};
  r.notes = j.at("notes").get<std::vector<std::string>>();
  for (const json& measurement : j.at("measurements")) r.measurements.push_back(measurement_of(measurement));
  return r;
}

json json_of(const Machine& m) {
  return {{"cpu", m.cpu},
          {"cpus", m.cpus},
          {"last_cache_bytes", m.last_cache_bytes},
          {"memory_bytes", m.memory_bytes},
          {"gpu", m.gpu},
          {"system", m.system},
          {"compiler", m.compiler},
          {"build", m.build},
          {"capability", m.capability},
          {"libraries", m.libraries}};
}

Machine machine_of(const json& j) {
  return {.cpu = j.at("cpu").get<std::string>(),
          .cpus = j.at("cpus").get<int>(),
          .last_cache_bytes = j.at("last_cache_bytes").get<int64_t>(),
          .memory_bytes = j.at("memory_bytes").get<int64_t>(),
          .gpu = j.at("gpu").get<std::string>(),
          .system = j.at("system").get<std::string>(),
          .compiler = j.at("compiler").get<std::string>(),
          .build = j.at("build").get<std::string>(),
          .capability = j.value("capability", ""),
          .libraries = j.at("libraries").get<std::vector<std::pair<std::string, std::string>>>()};
}

}  // namespace

std::string to_json(const Report& report) {
  json j = {{"format", Report::kFormat}, {"date", report.date}, {"commit", report.commit}};
  j["machine"] = json_of(report.machine);
  const Settings& s = report.settings;
  j["settings"] = {{"threads", s.threads}, {"rounds", s.rounds}, {"cold", s.cold}, {"smoke", s.smoke}};
  const Roofline& roofline = report.roofline;
  j["roofline"] = {{"bytes_per_second", roofline.bytes_per_second},
                   {"copy", roofline.copy},
                   {"flops_per_second", roofline.flops_per_second},
                   {"product", roofline.product}};
  j["rows"] = json::array();
  for (const RowResult& row : report.rows) j["rows"].push_back(json_of(row));
  return j.dump(1) + "\n";
}

Report parse_report(const std::string& text) try {
  const json j = json::parse(text);
  if (j.at("format") != Report::kFormat)
    throw std::invalid_argument("a result file of format " + j.at("format").dump() + ", not " +
                                std::to_string(Report::kFormat));
  Report report;
  report.date = j.at("date").get<std::string>();
  report.commit = j.at("commit").get<std::string>();
  report.machine = machine_of(j.at("machine"));
  const json& s = j.at("settings");
  report.settings = {s.at("threads").get<int>(), s.at("rounds").get<int>(), s.at("cold").get<bool>(),
                     s.at("smoke").get<bool>()};
  const json& r = j.at("roofline");
  report.roofline = {r.at("bytes_per_second").get<double>(), r.at("copy").get<std::string>(),
                     r.at("flops_per_second").get<double>(), r.at("product").get<std::string>()};
  for (const json& row : j.at("rows")) report.rows.push_back(row_of(row));
  return report;
} catch (const json::exception& error) {
  throw std::invalid_argument(std::string("no result file of mote_bench: ") + error.what());
}

Report load_report(const std::string& path) try {
  return parse_report(mote::read_file(path));
} catch (const std::invalid_argument& error) {
  throw std::invalid_argument(path + ": " + error.what());
}

}  // namespace bench
