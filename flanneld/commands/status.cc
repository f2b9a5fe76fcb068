#include "flanneld/commands/status.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/base/printable.h"
#include "common/json/json.h"
#include "flanneld/commands/cluster_status.h"
#include "flanneld/commands/running_agent.h"
#include "flanneld/commands/table.h"
#include "flanneld/io/http_get.h"
#include "flanneld/options/flags.h"

namespace flanneld {
namespace {

constexpr int kHealthy = 0, kUnhealthy = 1, kNoAnswer = 3;
constexpr std::chrono::seconds kFetchLimit(5);
constexpr int kWatchMilliseconds = 2000;

std::string text_of(const json::Value& object, const char* key) {
  const json::Value* value = json::find(object, key);
  if (!value) return "-";
  return value->is_string() ? value->get<std::string>() : value->dump();
}

/// The values of both families with a space between, or of the one that has a value.
std::string both(const json::Value& object, const char* v4, const char* v6) {
  std::string first = text_of(object, v4), second = text_of(object, v6);
  if (first == "-") return second;
  return second == "-" ? first : fmt::format("{} {}", first, second);
}

std::string lease_text(const json::Value& status) {
  const json::Value& lease = json::get_object(status, "lease", "");
  if (lease.empty()) return "none yet";
  const auto left = json::get_integer(lease, "expiresInSeconds", "lease", INT64_MIN, INT64_MAX);
  return fmt::format("{}, {}", both(lease, "subnet", "ipv6Subnet"),
                     left ? fmt::format("expires in {}", duration(*left)) : "a reservation");
}

std::string rules_text(const json::Value& status) {
  const json::Value& rules = json::get_object(status, "rules", "");
  if (rules.empty()) return "none yet";
  const std::string failure = text_of(rules, "failure"), restored = text_of(rules, "restored");
  return fmt::format("{}{}{}", text_of(rules, "engine"),
                     failure == "-" ? "" : fmt::format(", failed: {}", failure),
                     restored == "0" ? "" : fmt::format(", restored {} times", restored));
}

std::string interface_text(const json::Value& status) {
  const json::Value& external = json::get_object(status, "interface", "");
  if (external.empty()) return "none yet";
  const std::string own = both(external, "ipv4", "ipv6"),
                    published = both(external, "publicIP", "publicIPv6");
  return fmt::format("{} {}{}, MTU {}, by {}", text_of(external, "name"), own,
                     published == own ? "" : fmt::format(", public {}", published), text_of(external, "mtu"),
                     text_of(external, "rule"));
}

std::string backend_text(const json::Value& status) {
  const std::string handover = text_of(status, "handover");
  return fmt::format("{}, MTU of pods {}{}", text_of(status, "backend"), text_of(status, "mtu"),
                     handover == "-" ? "" : fmt::format("; {}", handover));
}

std::string kernel_text(const json::Value& status) {
  const json::Value& kernel = json::get_object(status, "kernel", "");
  return fmt::format("routes {}, neighbours {}, FDB entries {}, repairs {}", text_of(kernel, "routes"),
                     text_of(kernel, "neighbours"), text_of(kernel, "fdbEntries"),
                     text_of(kernel, "repairs"));
}

/// What a peer may have written at any length, so that it fits into a column.
std::string shortened(const std::string& text) {
  constexpr size_t kMostBytes = 24;
  return text.size() > kMostBytes ? fmt::format("{}…", text.substr(0, kMostBytes)) : text;
}

/// A peer of another backend has other data, or none.
std::string vtep_mac(const json::Value& peer, const char* key) {
  const json::Value* data = json::find(peer, key);
  return data && data->is_object() ? text_of(*data, "VtepMAC") : "-";
}

/// What probes tell of one way to a peer.
std::string probe_text(const json::Value& probe) {
  const std::string state = text_of(probe, "state");
  if (state == "silent") return "does not answer";
  if (state == "small-only") return fmt::format("only packets of {} bytes pass", text_of(probe, "pathMtu"));
  if (state == "bad-checksums") return "the interface's checksums are wrong";
  if (state == "reached") return fmt::format("{} ms", text_of(probe, "roundTripMs"));
  return text_of(probe, "error") == "-" ? "not asked yet" : text_of(probe, "error");
}

/// The same of all ways; empty without probes.
std::string probes_text(const json::Value& peer) {
  const json::Value* probes = json::find(peer, "probes");
  std::string text;
  if (probes && probes->is_array())
    for (const json::Value& probe : *probes)
      fmt::format_to(std::back_inserter(text), ", {}", probe_text(probe));
  return text;
}

/// What its tunnel tells, of the first device if there are two.
std::string tunnel_text(const json::Value& peer) {
  const json::Value* tunnels = json::find(peer, "tunnels");
  if (!tunnels || !tunnels->is_array() || tunnels->empty()) return "reached";
  const json::Value& tunnel = tunnels->front();
  const auto age = json::get_integer(tunnel, "handshakeSecondsAgo", "tunnels", INT64_MIN, INT64_MAX);
  if (!age) return fmt::format("no handshake yet, at {}", text_of(tunnel, "endpoint"));
  return fmt::format("reached at {}, handshake {} ago", text_of(tunnel, "endpoint"),
                     duration(std::max<int64_t>(*age, 0)));
}

std::vector<Row> peer_rows(const json::Value& status) {
  std::vector<Row> rows;
  for (const json::Value& peer : json::get_array(status, "peers", "")) {
    std::string mac = vtep_mac(peer, "backendData");
    if (mac == "-") mac = vtep_mac(peer, "backendV6Data");
    const std::string rejected = text_of(peer, "rejected"), kept = text_of(peer, "kept");
    rows.push_back({both(peer, "subnet", "ipv6Subnet"), both(peer, "publicIP", "publicIPv6"),
                    shortened(text_of(peer, "backendType")), shortened(mac),
                    rejected != "-" ? fmt::format("not used: {}", rejected)
                    : kept != "-"   ? fmt::format("as before: {}", kept)
                                    : fmt::format("{}{}", tunnel_text(peer), probes_text(peer))});
  }
  return rows;
}

std::vector<std::string> findings(const json::Value& status) {
  std::vector<std::string> all = json::get_strings(status, "problems", "");
  if (const std::string reason = text_of(status, "notReadyReason"); reason != "-") all.push_back(reason);
  return all;
}

}  // namespace

std::string status_table(const json::Value& status) {
  const bool ready = json::get_bool(status, "ready", "");
  const std::vector<Row> rows{
      {"flanneld", fmt::format("{}, {}", text_of(status, "version"), ready ? "ready" : "NOT READY")},
      {"store", text_of(status, "store")},
      {"interface", interface_text(status)},
      {"backend", backend_text(status)},
      {"lease", lease_text(status)},
      {"kernel", kernel_text(status)},
      {"rules", rules_text(status)}};
  std::string problems;
  for (const std::string& finding : findings(status))
    fmt::format_to(std::back_inserter(problems), "! {}\n", finding);
  std::vector<Row> peers{{"SUBNET", "PUBLIC IP", "BACKEND", "VTEP MAC", "STATE"}};
  for (Row& row : peer_rows(status)) peers.push_back(std::move(row));
  return fmt::format("{}{}\n{}", columns(rows), problems, peers.size() == 1 ? "no peers\n" : columns(peers));
}

namespace {

/// Asks the agent once and prints what it says; the exit status.
int show(const Options& options, bool as_json, std::string_view before) {
  const std::string url = fmt::format("http://{}/status", *options.status_listen);
  HttpResult result = http_get(url, kFetchLimit);
  if (result.error.empty() && result.status != 200)
    result.error = fmt::format("HTTP status {}", result.status);
  if (!result.error.empty()) {
    std::fprintf(stderr, "flanneld: no answer from %s: %s; is flanneld running, with this --status-listen?\n",
                 url.c_str(), result.error.c_str());
    return kNoAnswer;
  }
  try {
    const json::Value status = json::parse(result.body, url);
    if (const auto other = find_other_subnet_file(options, status)) {
      std::fprintf(stderr,
                   "flanneld: at %s answers another network's agent, whose subnet file is %s: name this "
                   "one's address with --status-listen\n",
                   url.c_str(), other->c_str());
      return kNoAnswer;
    }
    const std::string text = base::printable(as_json ? result.body : status_table(status), "\n");
    std::fputs(fmt::format("{}{}", before, text).c_str(), stdout);
    return json::get_bool(status, "ready", "") && findings(status).empty() ? kHealthy : kUnhealthy;
  } catch (const base::ParseError& wrong) {
    std::fprintf(stderr, "flanneld: %s is not the status of a flanneld: %s\n", url.c_str(), wrong.what());
    return kNoAnswer;
  }
}

/// Until it is interrupted, or nobody reads.
int watch(const Options& options) {
  const char* clear = ::isatty(STDOUT_FILENO) == 1 ? "\x1b[H\x1b[2J\x1b[3J" : "";
  int status = kHealthy;
  do {
    status = show(options, false, clear);
    if (std::fflush(stdout) != 0) break;
    pollfd reader{.fd = STDOUT_FILENO, .events = 0, .revents = 0};  // tells when it is closed
    if (::poll(&reader, 1, kWatchMilliseconds) > 0) break;
  } while (true);
  return status;
}

}  // namespace

int run_status(const Options& options) {
  const auto& words = options.words;
  const bool as_json = words.size() == 3 && words[1] == "-o" && words[2] == "json";
  const bool watches = words.size() == 2 && words[1] == "--watch";
  if (words.size() == 2 && words[1] == "--cluster") return run_cluster_status(options);
  if (words.size() != 1 && !as_json && !watches)
    throw UsageError("usage: flanneld [flags] status [-o json | --watch | --cluster]");
  if (!options.status_listen) throw UsageError("--status-listen is empty: the agent cannot be asked");
  return watches ? watch(options) : show(options, as_json, "");
}

}  // namespace flanneld
