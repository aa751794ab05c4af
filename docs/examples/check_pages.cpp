// Checks the pages of the documentation against the tree and its programs:
//
//   check_pages ROOT PROGRAMS PAGE...
//
// Every block of C++, CMake or program output follows a comment that says where it comes from:
//   <!-- code: PATH -->             its lines stand in that file, in one run; indentation in common does not count
//   <!-- file: PATH -->             it is that file
//   <!-- output: PROGRAM ARG... --> its lines stand in what PROGRAMS/PROGRAM prints, in one run
//   <!-- whole output: PROGRAM -->  it is what the program prints
// A line "…" or "// …" or "# …" in a block stands for any number of lines. Relative links and paths of files in `…`
// must exist, the latter from the root or as in an include. Prints what is wrong, with page and line, and exits with 1.
// A program that exits with 77 cannot run here: its blocks are left out, and where nothing is wrong so is the exit
// code.
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <regex>
#include <string>
#include <vector>

namespace fs = std::filesystem;
using Lines = std::vector<std::string>;

namespace {

std::string root, programs;
int problems = 0;
bool left_out = false;
constexpr int kCannotRun = 77;

void report(const std::string& page, size_t line, const std::string& what) {
  std::cout << page << ":" << line << ": " << what << "\n";
  ++problems;
}

std::string trimmed(const std::string& line) {
  const size_t end = line.find_last_not_of(" \t\r");
  return end == std::string::npos ? "" : line.substr(0, end + 1);
}

Lines read_lines(std::istream&& stream) {
  Lines lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(trimmed(line));
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

// With paths of files of the tree, which compilers write in several ways, given from its root.
std::string from_root(const std::string& text) {
  static const std::regex upwards(R"((\.\./)+)");
  std::string result = std::regex_replace(text, upwards, "");
  for (size_t at; (at = result.find(root + "/")) != std::string::npos;) result.erase(at, root.size() + 1);
  return result;
}

// What a program prints on both streams; nothing where it cannot run. Each command runs once.
const std::optional<Lines>& output_of(const std::string& command) {
  static std::map<std::string, std::optional<Lines>> known;
  const auto [entry, is_new] = known.try_emplace(command);
  if (!is_new) return entry->second;
  std::string text;
  const std::string full = "'" + programs + "'/" + command + " 2>&1";
  if (FILE* pipe = popen(full.c_str(), "r")) {
    std::array<char, 4096> buffer;
    for (size_t n; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) text.append(buffer.data(), n);
    const int status = pclose(pipe);
    if (WIFEXITED(status) && WEXITSTATUS(status) == kCannotRun) {
      std::cout << "not run: " << command << "\n";
      left_out = true;
      return entry->second;
    }
  }
  return entry->second = read_lines(std::istringstream(from_root(text)));
}

bool is_gap(const std::string& line) {
  const size_t start = line.find_first_not_of(" #/");
  return start != std::string::npos && line.substr(start) == "…";
}

size_t indentation(const std::string& line) { return std::min(line.find_first_not_of(' '), line.size()); }

Lines without_common_indentation(const Lines& lines, size_t begin, size_t end) {
  size_t common = std::string::npos;
  for (size_t i = begin; i < end; ++i)
    if (!lines[i].empty()) common = std::min(common, indentation(lines[i]));
  Lines result;
  for (size_t i = begin; i < end; ++i) result.push_back(lines[i].empty() ? "" : lines[i].substr(common));
  return result;
}

// Whether the stretches of `block` between its gaps stand in `source` one after the other. `missing` gets the first
// line of one that does not.
bool contains(const Lines& source, const Lines& block, std::string& missing) {
  size_t from = 0;
  for (size_t begin = 0; begin < block.size();) {
    size_t end = begin;
    while (end < block.size() && !is_gap(block[end])) ++end;
    const Lines wanted = without_common_indentation(block, begin, end);
    const size_t count = end - begin;
    while (from + count <= source.size() && without_common_indentation(source, from, from + count) != wanted) ++from;
    if (count > 0 && from + count > source.size()) {
      missing = block[begin];
      return false;
    }
    from += count;
    begin = end + 1;
  }
  return true;
}

void check_block(const std::string& page, size_t line, const std::string& kind, const std::string& origin,
                 const Lines& block) {
  const bool is_output = kind.ends_with("output");
  if (!is_output && !fs::is_regular_file(fs::path(root) / origin))
    return report(page, line, origin + " does not exist");
  const std::optional<Lines> read = is_output ? output_of(origin) : read_lines(std::ifstream(fs::path(root) / origin));
  if (!read) return;
  const Lines& source = *read;
  if (kind == "file" || kind == "whole output") {
    if (source != block) report(page, line, "the block is not " + kind + " " + origin);
    if (source != block && is_output)
      for (const std::string& printed : source) std::cout << "  | " << printed << "\n";
    return;
  }
  std::string missing;
  if (!contains(source, block, missing)) {
    report(page, line, "not in " + origin + " (in one run): " + missing);
    if (is_output)
      for (const std::string& printed : source) std::cout << "  | " << printed << "\n";
  }
}

void check_references(const std::string& page, size_t number, const std::string& line) {
  static const std::regex link(R"(\]\(([^)#:]+)(#[^)]*)?\))");
  static const std::regex path(R"(`([A-Za-z_.-]+(/[A-Za-z_.-]+)*/[A-Za-z0-9_.-]+\.(h|cpp|md|cmake|txt|py|safetensors)|)"
                               R"([A-Za-z_.-]+(/[A-Za-z0-9_.-]+)*/)`)");
  const fs::path folder = (fs::path(root) / page).parent_path();
  for (std::sregex_iterator i(line.begin(), line.end(), link), end; i != end; ++i)
    if (!fs::exists(folder / (*i)[1].str())) report(page, number, "the link to " + (*i)[1].str() + " leads nowhere");
  for (std::sregex_iterator i(line.begin(), line.end(), path), end; i != end; ++i) {
    const bool exists =
        std::ranges::any_of(std::array{"", "core/include", "nn/include", "cuda/include"},
                            [&](auto base) { return fs::exists(fs::path(root) / base / (*i)[1].str()); });
    if (!exists) report(page, number, (*i)[1].str() + " does not exist");
  }
}

void check_page(const std::string& page) {
  static const std::regex directive("<!-- (code|file|output|whole output): (.*) -->");
  const Lines lines = read_lines(std::ifstream(fs::path(root) / page));
  if (lines.empty()) return report(page, 1, "the page is empty or missing");
  std::smatch origin;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].starts_with("```")) {
      check_references(page, i + 1, lines[i]);
      continue;
    }
    const size_t begin = i + 1;
    size_t end = begin;
    while (end < lines.size() && lines[end] != "```") ++end;
    const bool has_origin = i > 0 && std::regex_match(lines[i - 1], origin, directive);
    const std::string language = lines[i].substr(3);
    if (has_origin)
      check_block(page, begin, origin[1], origin[2], Lines(lines.begin() + begin, lines.begin() + end));
    else if (language != "sh" && !language.empty())
      report(page, begin, "a block of " + language + " that does not say where it comes from");
    i = end;
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: check_pages ROOT PROGRAMS PAGE...\n";
    return 2;
  }
  root = argv[1];
  programs = argv[2];
  for (int i = 3; i < argc; ++i) check_page(argv[i]);
  std::cout << argc - 3 << " pages, " << problems << " problems\n";
  if (problems > 0) return 1;
  return left_out ? kCannotRun : 0;
}
