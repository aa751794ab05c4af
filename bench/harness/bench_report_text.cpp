// Results for people: a few lines on the terminal, and a table in Markdown.
#include <fmt/format.h>

#include "bench_report.h"

namespace bench {

namespace {

std::string memory_text(const Measurement& m) {
  if (!m.memory) return {};
  return fmt::format("{}, {} block{}", bytes_text(static_cast<double>(m.memory->peak_bytes)), m.memory->allocations,
                     m.memory->allocations == 1 ? "" : "s");
}

std::string spread_text(const Measurement& m) {
  return fmt::format("{} to {}", time_text(m.seconds.q1), time_text(m.seconds.q3));
}

std::string rate_text(double rate, const char* unit) {
  return rate > 0 ? fmt::format("{:.1f} {}", rate / 1e9, unit) : std::string();
}

std::string roofline_text(const Measurement& m) {
  return m.roofline > 0 ? fmt::format("{:.0f} %", 100 * m.roofline) : std::string();
}

std::string ratio_text(const Measurement& m) {
  return m.ratio ? fmt::format("{:.2f}", m.ratio->median) : std::string();
}

std::string machine_markdown(const Report& report) {
  const Machine& m = report.machine;
  std::string text =
      fmt::format("{}{}, {} threads; {}; {}, {}, {}; mote {}; {}.\n\n", m.cpu, m.gpu.empty() ? "" : " with " + m.gpu,
                  report.settings.threads, m.system, m.compiler, m.build, m.capability, report.commit, report.date);
  text += fmt::format("Copying (by {}): {:.1f} GB/s. Matrix product (by {}): {:.0f} GFLOP/s.\n\n", report.roofline.copy,
                      report.roofline.bytes_per_second / 1e9, report.roofline.product,
                      report.roofline.flops_per_second / 1e9);
  return text;
}

// A list of who could not take part in a row.
std::string notes_markdown(const Report& report) {
  std::string text;
  for (const RowResult& row : report.rows)
    for (const std::string& note : row.notes) text += fmt::format("* {}: {}\n", row.name, note);
  return text.empty() ? text : "\n" + text;
}

}  // namespace

std::string time_text(double seconds) {
  if (seconds >= 1) return fmt::format("{:.3g} s", seconds);
  if (seconds >= 1e-3) return fmt::format("{:.3g} ms", seconds * 1e3);
  if (seconds >= 1e-6) return fmt::format("{:.3g} µs", seconds * 1e6);
  return fmt::format("{:.3g} ns", seconds * 1e9);
}

std::string bytes_text(double bytes) {
  if (bytes >= 1 << 20) return fmt::format("{:.3g} MiB", bytes / (1 << 20));
  if (bytes >= 1 << 10) return fmt::format("{:.3g} KiB", bytes / (1 << 10));
  return fmt::format("{:.0f} B", bytes);
}

std::string to_text(const RowResult& row) {
  if (!row.wrong.empty()) return fmt::format("{}\n  WRONG: {}\n", row.name, row.wrong);
  std::string text = fmt::format("{}  (error {:.1e})\n", row.name, row.error);
  for (const Measurement& m : row.measurements)
    text += fmt::format("  {:<36} {:>8} {:>22} {:>8} {:>13} {:>10} {:>6} {:>7}  {}\n", m.name,
                        time_text(m.seconds.median), spread_text(m), time_text(m.seconds.least),
                        rate_text(m.flops_per_second, "GFLOP/s"), rate_text(m.bytes_per_second, "GB/s"),
                        roofline_text(m), m.ratio ? "x" + ratio_text(m) : "", memory_text(m));
  for (const std::string& note : row.notes) text += fmt::format("  - {}\n", note);
  return text;
}

std::string to_markdown(const Report& report) {
  std::string text = machine_markdown(report);
  text +=
      "| operation | shape | dtype | device | direction | implementation | median | quartiles | GFLOP/s | GB/s | "
      "roofline | time / mote's | peak memory |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n";
  for (const RowResult& row : report.rows) {
    const std::string head =
        fmt::format("| {} | {} | {} | {} | {} |", row.operation, row.shape, row.dtype, row.device, row.direction);
    if (!row.wrong.empty()) text += fmt::format("{} mote | WRONG: {} | | | | | | |\n", head, row.wrong);
    for (const Measurement& m : row.measurements)
      text += fmt::format("{} {} | {} | {} | {} | {} | {} | {} | {} |\n", head, m.name, time_text(m.seconds.median),
                          spread_text(m), rate_text(m.flops_per_second, ""), rate_text(m.bytes_per_second, ""),
                          roofline_text(m), ratio_text(m), memory_text(m));
  }
  return text + notes_markdown(report);
}

const Measurement* RowResult::find(const std::string& implementation) const {
  for (const Measurement& measurement : measurements)
    if (measurement.name == implementation) return &measurement;
  return nullptr;
}

}  // namespace bench
