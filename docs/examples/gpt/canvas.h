// A white sheet to draw on with Cairo, saved as PNG. Lengths are in units of two pixels, so that the picture stays
// sharp on a dense screen; the origin is the upper left corner.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

using cairo_t = struct _cairo;
using cairo_surface_t = struct _cairo_surface;

namespace gpt {

struct Color {
  double red, green, blue;
};

enum class Anchor { Start, Middle, End };

class Canvas {
 public:
  Canvas(double width, double height);

  void line(double x0, double y0, double x1, double y1, const Color& color, double width);
  void polyline(const std::vector<std::pair<double, double>>& points, const Color& color, double width);
  void dot(double x, double y, const Color& color, double radius);

  struct TextStyle {
    double size = 14;
    Color color = {0, 0, 0};
    Anchor anchor = Anchor::Start;
    bool bold = false;
    bool upwards = false;
  };
  // `y` is the base line.
  void text(double x, double y, const std::string& content, const TextStyle& style);

  // The picture as a PNG file. Throws mote::IoError.
  std::string png() const;

 private:
  void use(const Color& color);

  std::unique_ptr<cairo_surface_t, void (*)(cairo_surface_t*)> surface_;
  std::unique_ptr<cairo_t, void (*)(cairo_t*)> context_;
};

}  // namespace gpt
