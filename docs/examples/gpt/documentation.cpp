#include "documentation.h"

#include <cstddef>
#include <string_view>

namespace gpt {

// Defined in the source file that embed.cmake writes.
extern const unsigned char kDocumentation[];
extern const size_t kDocumentationSize;

std::string documentation() {
  std::string_view rest(reinterpret_cast<const char*>(kDocumentation), kDocumentationSize);
  std::string text;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end == std::string_view::npos ? rest.size() : end + 1);
    if (!line.starts_with("<!--")) text += line;
    rest.remove_prefix(line.size());
  }
  return text;
}

}  // namespace gpt
