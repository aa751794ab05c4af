#include "peer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "checksum.h"
#include "quiet.h"

namespace bench {

using nlohmann::json;

namespace {

// Of a float32 checksum: both draw equal inputs, up to a last bit in a normal deviate, and add up in another order.
constexpr double kChecksumTolerance = 1e-3;

class PeerContender : public Contender {
 public:
  PeerContender(std::string name, Peer& peer, size_t slot) : Contender(std::move(name)), peer_(peer), slot_(slot) {}

  double seconds(int64_t repetitions, int64_t warm_up, bool cold) override {
    return peer_
        .ask({{"ask", "time"},
              {"row", slot_},
              {"repetitions", repetitions},
              {"warm_up", warm_up},
              {"cold", cold},
              {"flush_bytes", flush_bytes()}})
        .at("seconds")
        .get<double>();
  }
  void settle() override { wait_until_quiet(peer_.pid()); }
  std::optional<Memory> memory() override {
    try {
      const json answer = peer_.ask({{"ask", "memory"}, {"row", slot_}});
      return Memory{answer.at("peak_bytes").get<int64_t>(), answer.at("allocations").get<int64_t>()};
    } catch (const ProcessError&) {
      return std::nullopt;
    }
  }

 private:
  Peer& peer_;
  size_t slot_;
};

}  // namespace

Peer::Peer(const std::vector<std::string>& command, int threads, const mote::Device& device) : process_(command) {
  const json answer = ask({{"ask", "hello"}, {"threads", threads}, {"device", device.str()}});
  version_ = answer.at("version").get<std::string>();
  name_ = fmt::format("{} {}", answer.at("name").get<std::string>(), version_);
  is_python_ = answer.at("name") == "PyTorch";
  build_ = answer.at("build").get<std::string>();
}

json Peer::ask(const json& request) {
  json answer = json::parse(process_.ask(request.dump()));
  if (answer.contains("error")) throw ProcessError(answer.at("error").get<std::string>());
  return answer;
}

PreparedPeer prepare_peer(Peer& peer, const Row& row, const TorchForm& form, const std::vector<double>& checksum) {
  const std::string name = form.form.empty() ? peer.name() : fmt::format("{} {}", peer.name(), form.form);
  try {
    const json answer = peer.ask({{"ask", "prepare"},
                                  {"name", row.libtorch},
                                  {"inputs", form.inputs},
                                  {"leaves", form.leaves},
                                  {"setup", form.setup},
                                  {"run", form.run},
                                  {"grad", form.grad},
                                  {"dtype", name_of(row.dtype)},
                                  {"seed", kSeed}});
    if (!checksum.empty()) {
      const double tolerance = std::max(kChecksumTolerance, 10 * row.tolerance);
      const std::string what = difference(answer.at("checksum").get<std::vector<double>>(), checksum, tolerance);
      if (!what.empty()) return {nullptr, fmt::format("{}: computes something else: {}", name, what)};
    }
    return {std::make_unique<PeerContender>(name, peer, answer.at("row").get<size_t>()), {}};
  } catch (const ProcessError& error) {
    return {nullptr, fmt::format("{}: {}", name, error.what())};
  }
}

void release(Peer& peer) { peer.ask({{"ask", "release"}}); }

}  // namespace bench
