// How --help looks.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace gpt {

class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(22); }

  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;

  std::string make_usage(const CLI::App* app, std::string name) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;
  std::string make_footer(const CLI::App* app) const override;
};

}  // namespace gpt
