#include "canvas.h"

#include <cairo.h>
#include <fmt/format.h>
#include <mote/error.h>

#include <numbers>

namespace gpt {

namespace {

constexpr double kPixelsPerUnit = 2.0;

int pixels(double length) { return static_cast<int>(length * kPixelsPerUnit); }

}  // namespace

Canvas::Canvas(double width, double height)
    : surface_(cairo_image_surface_create(CAIRO_FORMAT_RGB24, pixels(width), pixels(height)), cairo_surface_destroy),
      context_(cairo_create(surface_.get()), cairo_destroy) {
  cairo_scale(context_.get(), kPixelsPerUnit, kPixelsPerUnit);
  use({1, 1, 1});
  cairo_paint(context_.get());
  cairo_set_line_join(context_.get(), CAIRO_LINE_JOIN_ROUND);
  cairo_set_line_cap(context_.get(), CAIRO_LINE_CAP_ROUND);
}

void Canvas::use(const Color& color) { cairo_set_source_rgb(context_.get(), color.red, color.green, color.blue); }

void Canvas::line(double x0, double y0, double x1, double y1, const Color& color, double width) {
  polyline({{x0, y0}, {x1, y1}}, color, width);
}

void Canvas::polyline(const std::vector<std::pair<double, double>>& points, const Color& color, double width) {
  use(color);
  cairo_set_line_width(context_.get(), width);
  for (const auto& [x, y] : points) cairo_line_to(context_.get(), x, y);
  cairo_stroke(context_.get());
}

void Canvas::dot(double x, double y, const Color& color, double radius) {
  use(color);
  cairo_arc(context_.get(), x, y, radius, 0, 2 * std::numbers::pi);
  cairo_fill(context_.get());
}

void Canvas::text(double x, double y, const std::string& content, const TextStyle& style) {
  use(style.color);
  cairo_select_font_face(context_.get(), "sans-serif", CAIRO_FONT_SLANT_NORMAL,
                         style.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(context_.get(), style.size);
  cairo_text_extents_t extents;
  cairo_text_extents(context_.get(), content.c_str(), &extents);
  const double before = style.anchor == Anchor::Start ? 0.0 : style.anchor == Anchor::Middle ? 0.5 : 1.0;
  cairo_save(context_.get());
  cairo_move_to(context_.get(), x, y);
  if (style.upwards) cairo_rotate(context_.get(), -std::numbers::pi / 2);
  cairo_rel_move_to(context_.get(), -before * extents.x_advance, 0);
  cairo_show_text(context_.get(), content.c_str());
  cairo_restore(context_.get());
  cairo_new_path(context_.get());
}

std::string Canvas::png() const {
  std::string bytes;
  const auto append = [](void* target, const unsigned char* data, unsigned length) {
    static_cast<std::string*>(target)->append(reinterpret_cast<const char*>(data), length);
    return CAIRO_STATUS_SUCCESS;
  };
  const cairo_status_t status = cairo_surface_write_to_png_stream(surface_.get(), append, &bytes);
  if (status != CAIRO_STATUS_SUCCESS)
    throw mote::IoError(fmt::format("drawing failed: {}", cairo_status_to_string(status)));
  return bytes;
}

}  // namespace gpt
