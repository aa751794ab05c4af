// mote-gpt: trains a GPT on a text, is interrupted, resumes, and writes new text.
#include "options.h"

int main(int argc, char** argv) { return gpt::run(argc, argv); }
