# Writes OUTPUT, a C++ source file that holds the bytes of FILES (separated by "|"), one file after the other:
#   cmake -DOUTPUT=out.cpp -DFILES=a|b -P embed.cmake
string(REPLACE "|" ";" FILES "${FILES}")
set(hex "")
foreach(file IN LISTS FILES)
  file(READ "${file}" content HEX)
  string(APPEND hex "${content}0a")  # an empty line between two pages
endforeach()
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "\\1\n" bytes "${bytes}")
file(WRITE "${OUTPUT}" "#include <cstddef>

namespace gpt {
extern const unsigned char kDocumentation[] = {
${bytes}};
extern const size_t kDocumentationSize = sizeof(kDocumentation);
}  // namespace gpt
")
