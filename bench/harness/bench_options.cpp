#include "bench_options.h"

#include <CLI/CLI.hpp>

namespace bench {

std::optional<int> parse(int argc, char** argv, CommandLine& command_line) {
  CLI::App app("Times mote's operations, verified against float64, beside its peers. See docs/benchmarking.md.",
               "mote_bench");
  Options& options = command_line.options;
  app.add_flag("--list", options.list, "print the names of the rows and end");
  app.add_option("--filter", options.filter, "a regular expression; rows whose name holds a match")->type_name("REGEX");
  app.add_flag("--sweep", options.sweep, "all shapes of each family, not only the headline ones");
  app.add_flag("--smoke", options.smoke,
               "small shapes, one round: everything is verified and nothing is to be believed");
  app.add_flag("--cold", options.cold, "flush the caches before each repetition");
  app.add_option("--device", options.device, "cpu or cuda")->type_name("DEVICE");
  app.add_option("--threads", options.threads, "of mote and of every peer")->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "of each row")->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--json", options.json, "write a result file")->type_name("FILE");
  app.add_option("--markdown", options.markdown, "write a table")->type_name("FILE");
  app.add_option("--torch-python", options.torch_pythons, "a Python with PyTorch, to be a peer; may be repeated")
      ->type_name("PATH");
  app.add_option("--libtorch", options.libtorch_peers,
                 "a mote_bench_libtorch_peer built against another LibTorch; may be repeated")
      ->type_name("PATH");
  app.add_flag("!--no-peers", options.peers, "mote alone");
  app.add_flag("!--no-memory", options.memory, "do not ask what each repetition allocates");
  std::string function = "all";
  const CLI::Option* const ulp = app.add_option("--ulp", function,
                                                "check the errors of the CPU's vector functions, or "
                                                "of one, over all float32 arguments, and time nothing")
                                     ->type_name("FUNCTION")
                                     ->expected(0, 1)
                                     ->default_str("all");
  CLI::App* compare = app.add_subcommand("compare", "say what changed from one result file to another");
  CompareFiles files;
  compare->add_option("before", files.before, "a result file")->required()->check(CLI::ExistingFile);
  compare->add_option("after", files.after, "a later one")->required()->check(CLI::ExistingFile);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (*ulp) options.ulp = function == "all" ? "" : function;
  if (*compare) command_line.compare = files;
  return std::nullopt;
}

}  // namespace bench
