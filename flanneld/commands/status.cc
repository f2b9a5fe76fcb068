#include "flanneld/commands/status.h"

#include <curl/curl.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <vector>

#include "common/base/error.h"
#include "common/json/json.h"
#include "flanneld/options/flags.h"

namespace flanneld {
namespace {

constexpr int kHealthy = 0, kUnhealthy = 1, kNoAnswer = 3;
constexpr size_t kMaxPage = 64 << 20;
constexpr long kFetchSeconds = 5;

size_t append(char* bytes, size_t size, size_t count, void* context) noexcept {
  auto& body = *static_cast<std::string*>(context);
  if (body.size() + size * count > kMaxPage) return 0;
  body.append(bytes, size * count);
  return size * count;
}

/// The body of a GET; an error's text in `error` if there is none.
bool fetch(const std::string& url, std::string& body, std::string& error) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), &curl_easy_cleanup);
  if (!curl) return false;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, kFetchSeconds);
  curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &append);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &body);
  const CURLcode code = curl_easy_perform(curl.get());
  if (code != CURLE_OK) error = curl_easy_strerror(code);
  return code == CURLE_OK;
}

std::string text_of(const json::Value& object, const char* key) {
  const json::Value* value = json::find(object, key);
  if (!value) return "-";
  return value->is_string() ? value->get<std::string>() : value->dump();
}

std::string duration(int64_t left) {
  if (left < 0) return "over";
  if (left < 60) return std::to_string(left) + " s";
  if (left < 3600) return std::to_string(left / 60) + " min";
  return std::to_string(left / 3600) + " h " + std::to_string(left % 3600 / 60) + " min";
}

/// What of two families is there, with a space between.
std::string both(const json::Value& object, const char* v4, const char* v6) {
  std::string text = text_of(object, v4);
  std::string second = text_of(object, v6);
  if (text == "-") return second;
  if (second != "-") text.append(" ").append(second);
  return text;
}

std::string lease_text(const json::Value& status) {
  const json::Value& lease = json::get_object(status, "lease", "");
  if (lease.empty()) return "none yet";
  const auto left = json::get_integer(lease, "expiresInSeconds", "lease", INT64_MIN, INT64_MAX);
  return both(lease, "subnet", "ipv6Subnet") + (left ? ", expires in " + duration(*left) : ", a reservation");
}

std::string rules_text(const json::Value& status) {
  const json::Value& rules = json::get_object(status, "rules", "");
  if (rules.empty()) return "none yet";
  const std::string failure = text_of(rules, "failure"), restored = text_of(rules, "restored");
  return text_of(rules, "engine") + (failure != "-" ? ", failed: " + failure : "") +
         (restored != "0" ? ", restored " + restored + " times" : "");
}

std::string interface_text(const json::Value& status) {
  const json::Value& external = json::get_object(status, "interface", "");
  if (external.empty()) return "none yet";
  const std::string own = both(external, "ipv4", "ipv6"),
                    published = both(external, "publicIP", "publicIPv6");
  return text_of(external, "name") + " " + own + (published != own ? ", public " + published : "") +
         ", MTU " + text_of(external, "mtu") + ", by " + text_of(external, "rule");
}

std::string kernel_text(const json::Value& status) {
  const json::Value& kernel = json::get_object(status, "kernel", "");
  return text_of(kernel, "routes") + " routes, " + text_of(kernel, "neighbours") + " neighbours, " +
         text_of(kernel, "fdbEntries") + " FDB entries; repaired " + text_of(kernel, "repairs") + " times";
}

using Row = std::vector<std::string>;

/// Rows in columns, two spaces apart; the last is not padded.
std::string columns(const std::vector<Row>& rows) {
  std::vector<size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - row[i].size() + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

/// A peer of another backend has other data, or none.
std::string vtep_mac(const json::Value& peer, const char* key) {
  const json::Value* data = json::find(peer, key);
  return data && data->is_object() ? text_of(*data, "VtepMAC") : "-";
}

std::vector<Row> peer_rows(const json::Value& status) {
  std::vector<Row> rows;
  for (const json::Value& peer : json::get_array(status, "peers", "")) {
    std::string mac = vtep_mac(peer, "backendData");
    if (mac == "-") mac = vtep_mac(peer, "backendV6Data");
    const std::string rejected = text_of(peer, "rejected");
    rows.push_back({both(peer, "subnet", "ipv6Subnet"), both(peer, "publicIP", "publicIPv6"),
                    text_of(peer, "backendType"), mac,
                    rejected == "-" ? "reached" : "not used: " + rejected});
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
      {"flanneld", text_of(status, "version") + (ready ? ", ready" : ", NOT READY")},
      {"store", text_of(status, "store")},
      {"interface", interface_text(status)},
      {"backend", text_of(status, "backend") + ", MTU of pods " + text_of(status, "mtu")},
      {"lease", lease_text(status)},
      {"kernel", kernel_text(status)},
      {"rules", rules_text(status)}};
  std::string text = columns(rows);
  for (const std::string& finding : findings(status)) text += "! " + finding + "\n";
  std::vector<Row> peers{{"SUBNET", "PUBLIC IP", "BACKEND", "VTEP MAC", "STATE"}};
  for (Row& row : peer_rows(status)) peers.push_back(std::move(row));
  return text + "\n" + (peers.size() == 1 ? "no peers\n" : columns(peers));
}

int run_status(const Options& options) {
  const auto& words = options.words;
  const bool as_json = words.size() == 3 && words[1] == "-o" && words[2] == "json";
  if (words.size() != 1 && !as_json) throw UsageError("usage: flanneld [flags] status [-o json]");
  if (!options.status_listen) throw UsageError("--status-listen is empty: the agent cannot be asked");
  const std::string url = "http://" + options.status_listen->str() + "/status";
  std::string body, error;
  if (!fetch(url, body, error)) {
    std::fprintf(stderr, "flanneld: no answer from %s: %s; is flanneld running, with this --status-listen?\n",
                 url.c_str(), error.c_str());
    return kNoAnswer;
  }
  try {
    const json::Value status = json::parse(body, url);
    std::fputs((as_json ? body : status_table(status)).c_str(), stdout);
    return json::get_bool(status, "ready", "") && findings(status).empty() ? kHealthy : kUnhealthy;
  } catch (const base::ParseError& wrong) {
    std::fprintf(stderr, "flanneld: %s is not the status of a flanneld: %s\n", url.c_str(), wrong.what());
    return kNoAnswer;
  }
}

}  // namespace flanneld
