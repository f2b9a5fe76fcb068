#include "flanneld/commands/status.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

#include "common/base/error.h"
#include "common/base/printable.h"
#include "common/json/json.h"
#include "flanneld/commands/cluster_status.h"
#include "flanneld/commands/running_agent.h"
#include "flanneld/commands/status_table.h"
#include "flanneld/io/http_get.h"
#include "flanneld/options/flags.h"

namespace flanneld {
namespace {

constexpr int kHealthy = 0, kUnhealthy = 1, kNoAnswer = 3;
constexpr std::chrono::seconds kFetchLimit(5);
constexpr int kWatchMilliseconds = 2000;

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
    return json::get_bool(status, "ready", "") && status_findings(status).empty() ? kHealthy : kUnhealthy;
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
