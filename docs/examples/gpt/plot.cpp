#include "plot.h"

#include <fmt/format.h>
#include <mote/serialize.h>

#include <algorithm>
#include <cmath>

#include "canvas.h"

namespace gpt {

namespace {

constexpr double kWidth = 960, kHeight = 600;
constexpr double kLeft = 84, kRight = 928, kTop = 96, kBottom = 524;

constexpr Color kInk{0.13, 0.15, 0.18}, kMuted{0.42, 0.45, 0.50}, kGrid{0.90, 0.91, 0.93};
constexpr Color kTrain{0.16, 0.42, 0.73}, kValidation{0.86, 0.37, 0.12};

// A range of values, the places of its ticks, and how many digits they need.
struct Axis {
  double low, high, tick;
  double at(double value, double from, double to) const { return from + (value - low) / (high - low) * (to - from); }
};

// The distance between ticks: 1, 2 or 5 times a power of ten, so that about `count` of them fill `range`.
double nice_tick(double range, int count) {
  const double rough = range / count, power = std::pow(10.0, std::floor(std::log10(rough)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (rough <= factor * power) return factor * power;
  return 10.0 * power;
}

Axis make_axis(double low, double high, int ticks, double smallest_tick) {
  high = std::max(high, low + smallest_tick);
  const double tick = std::max(nice_tick(high - low, ticks), smallest_tick);
  return {std::floor(low / tick + 1e-9) * tick, std::ceil(high / tick - 1e-9) * tick, tick};
}

std::string tick_label(double value, double tick) {
  const int digits = std::max(0, static_cast<int>(std::ceil(-std::log10(tick) - 1e-9)));
  std::string text = fmt::format("{:.{}f}", value + 0.0, digits);
  const size_t point = std::min(text.find('.'), text.size());
  for (size_t i = point; i > 3 && text[i - 4] != '-'; i -= 3) text.insert(i - 3, ",");
  return text;
}

struct Series {
  const char* name;
  Color color;
  double LogRow::*value;
};
constexpr Series kSeries[] = {{"training", kTrain, &LogRow::train_loss},
                              {"validation", kValidation, &LogRow::val_loss}};

Axis loss_axis(const std::vector<LogRow>& rows) {
  double low = INFINITY, high = -INFINITY;
  for (const LogRow& row : rows)
    for (const Series& series : kSeries)
      if (std::isfinite(row.*series.value)) {
        low = std::min(low, row.*series.value);
        high = std::max(high, row.*series.value);
      }
  if (low > high) low = 0, high = 1;
  return make_axis(low - 0.04 * (high - low), high, 6, 0.05);
}

void draw_axes(Canvas& canvas, const Axis& x, const Axis& y) {
  for (int i = 0; y.low + i * y.tick <= y.high + 0.5 * y.tick; ++i) {
    const double value = y.low + i * y.tick, at = y.at(value, kBottom, kTop);
    canvas.line(kLeft, at, kRight, at, kGrid, 1);
    canvas.text(kLeft - 12, at + 4.5, tick_label(value, y.tick), {13, kMuted, Anchor::End});
  }
  for (int i = 0; x.low + i * x.tick <= x.high + 0.01 * x.tick; ++i) {
    const double value = x.low + i * x.tick, at = x.at(value, kLeft, kRight);
    canvas.line(at, kBottom, at, kBottom + 6, kInk, 1);
    canvas.text(at, kBottom + 24, tick_label(value, x.tick), {13, kMuted, Anchor::Middle});
  }
  canvas.line(kLeft, kBottom, kRight, kBottom, kInk, 1.2);
  canvas.text((kLeft + kRight) / 2, kBottom + 54, "training steps", {14, kInk, Anchor::Middle});
  canvas.text(26, (kTop + kBottom) / 2, "cross-entropy, nats per character", {14, kInk, Anchor::Middle, false, true});
}

void draw_series(Canvas& canvas, const Axis& x, const Axis& y, const std::vector<LogRow>& rows, const Series& series) {
  std::vector<std::pair<double, double>> points;
  for (const LogRow& row : rows)
    if (std::isfinite(row.*series.value))
      points.emplace_back(x.at(static_cast<double>(row.step), kLeft, kRight), y.at(row.*series.value, kBottom, kTop));
  if (points.empty()) return;
  canvas.polyline(points, series.color, 2.4);
  if (points.size() <= 40)
    for (const auto& [px, py] : points) canvas.dot(px, py, series.color, 3.2);
  canvas.dot(points.back().first, points.back().second, series.color, 4.6);
}

// Names, colors and last values of both curves, in the upper right corner, where a falling curve leaves room.
void draw_legend(Canvas& canvas, const std::vector<LogRow>& rows) {
  double at = kTop + 26;
  for (const Series& series : kSeries) {
    canvas.line(kRight - 196, at - 5, kRight - 164, at - 5, series.color, 2.4);
    canvas.dot(kRight - 180, at - 5, series.color, 4);
    canvas.text(kRight - 152, at, series.name, {14, kInk});
    canvas.text(kRight - 12, at, fmt::format("{:.3f}", rows.back().*series.value),
                {14, series.color, Anchor::End, true});
    at += 24;
  }
}

}  // namespace

void plot_losses(const std::string& path, const std::vector<LogRow>& rows, const std::string& subtitle) {
  if (rows.empty()) return;
  Axis x = make_axis(0, static_cast<double>(rows.back().step), 8, 1);
  x.high = std::max(static_cast<double>(rows.back().step), x.tick);  // the curve ends at the frame
  const Axis y = loss_axis(rows);
  Canvas canvas(kWidth, kHeight);
  canvas.text(kLeft, 42, "Loss", {22, kInk, Anchor::Start, true});
  canvas.text(kLeft, 68, subtitle, {14, kMuted});
  draw_axes(canvas, x, y);
  for (const Series& series : kSeries) draw_series(canvas, x, y, rows, series);
  draw_legend(canvas, rows);
  mote::write_file_atomically(path, canvas.png());
}

}  // namespace gpt
