// mote's own documentation (README.md and docs/*.md), put into the program when it is built.
#pragma once

#include <string>

namespace gpt {

// All pages, one after the other, without the comments that mark where their code comes from.
std::string documentation();

}  // namespace gpt
