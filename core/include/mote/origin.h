// Where a tensor came from. Kept on every tensor so that an error can say "made by triu at model.cpp:29".
#pragma once

namespace mote {

// A place in the user's source, filled in by a default argument. (std::source_location is missing in clang 14.)
struct SourceLocation {
  const char* file = nullptr;
  int line = 0;
  const char* function = nullptr;

  static constexpr SourceLocation current(const char* file = __builtin_FILE(), int line = __builtin_LINE(),
                                          const char* function = __builtin_FUNCTION()) {
    return {file, line, function};
  }
};

// The operation that made a tensor; for creation functions also the line that called it. Views and casts hand the
// origin of their source on, because they are the same tensor to the reader.
struct Origin {
  const char* op = nullptr;
  SourceLocation where;
  const char* owner = nullptr;  // "buffer 'mask' of CausalAttention" once a module has registered the tensor
};

}  // namespace mote
