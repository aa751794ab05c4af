// The name of a class as its author wrote it.
#include <cxxabi.h>

#include <cstdlib>
#include <memory>
#include <typeinfo>

#include "module_state.h"

namespace mote::nn::detail {

namespace {

struct Free {
  void operator()(char* text) const { std::free(text); }
};

}  // namespace

// "mote::nn::ModuleList<(anonymous namespace)::Block>" is a ModuleList: what stands behind the last :: outside all
// brackets, up to the first template argument.
std::string unqualified_name(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, Free> demangled(abi::__cxa_demangle(type.name(), nullptr, nullptr, &status));
  const std::string full = demangled ? demangled.get() : type.name();
  size_t begin = 0;
  size_t end = std::string::npos;
  int depth = 0;
  for (size_t i = 0; i < full.size(); ++i) {
    const char c = full[i];
    if (c == '<' && depth == 0 && end == std::string::npos) end = i;
    if (c == '<' || c == '(' || c == '{') ++depth;
    if (c == '>' || c == ')' || c == '}') --depth;
    if (depth == 0 && full.compare(i, 2, "::") == 0) {
      begin = i + 2;
      end = std::string::npos;
    }
  }
  return full.substr(begin, end == std::string::npos ? end : end - begin);
}

}  // namespace mote::nn::detail
