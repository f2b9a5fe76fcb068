#include "flanneld/store/etcd/messages.h"

#include <fmt/format.h>

#include <charconv>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/io/base64.h"
#include "flanneld/lease/go_json.h"

namespace flanneld {
namespace {

using base::ParseError;

constexpr size_t kMaxError = 64 << 10;
constexpr size_t kShownBody = 200;
constexpr int64_t kMaxRevision = INT64_MAX / 2;  // one more must be a number, too
constexpr int64_t kMaxTtl = 9'000'000'000;       // seconds; etcd grants no more (lease.MaxLeaseTTL)

/// 0 when absent.
int64_t number(const json::Value& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return 0;
  if (found->is_number_integer()) return found->get<int64_t>();
  int64_t value = 0;
  if (!found->is_string()) throw ParseError(fmt::format("'{}' is not a number", key));
  const auto& text = found->get_ref<const std::string&>();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw ParseError(fmt::format("'{}' is not a number: {}", key, base::quoted(text)));
  return value;
}

int64_t revision_of(const json::Value& answer) {
  const int64_t revision = number(answer, "revision");
  if (revision < 0 || revision > kMaxRevision) throw ParseError("'revision' is out of range");
  return revision;
}

EtcdLease lease_of(const json::Value& answer) {
  const EtcdLease lease{number(answer, "ID"), number(answer, "TTL")};
  if (lease.ttl < -1 || lease.ttl > kMaxTtl) throw ParseError("'TTL' is out of range");
  return lease;
}

std::string bytes(const json::Value& object, const char* key) {
  const auto decoded = base64_decode(json::get_string(object, key, ""));
  if (!decoded) throw ParseError(fmt::format("'{}' is not base64", key));
  return *decoded;
}

EtcdKeyValue parse_kv(const json::Value& kv) {
  if (!kv.is_object()) throw ParseError("an entry is not an object");
  return {bytes(kv, "key"), bytes(kv, "value"), number(kv, "mod_revision"), number(kv, "lease"),
          number(kv, "create_revision")};
}

/// For answers that need not be etcd's: empty unless the value is text.
std::string text_or_empty(const json::Value& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

json::Value compare(const std::string& key, int64_t mod_revision) {
  json::Value condition{{"key", base64_encode(key)}, {"result", "EQUAL"}};
  condition["target"] = mod_revision == 0 ? "VERSION" : "MOD";
  condition[mod_revision == 0 ? "version" : "mod_revision"] = fmt::to_string(mod_revision);
  return condition;
}

json::Value key_request(const std::string& key) { return {{"key", base64_encode(key)}}; }

}  // namespace

std::string end_of_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xff) prefix.pop_back();
  if (prefix.empty()) return std::string(1, '\0');
  ++prefix.back();
  return prefix;
}

EtcdCall range_page(const EtcdPage& page) {
  EtcdCall call{"kv/range",
                {{"key", base64_encode(page.from)}, {"range_end", base64_encode(page.end)}},
                kEtcdPageBytes,
                true};
  call.body["limit"] = fmt::to_string(page.limit);
  if (page.revision != 0) call.body["revision"] = fmt::to_string(page.revision);
  if (page.keys_only) call.body["keys_only"] = true;
  return call;
}

EtcdCall range_key(const std::string& key) { return {"kv/range", key_request(key)}; }

EtcdCall probe_keys(const std::string& key, const std::string& prefix) {
  const json::Value one{{"key", base64_encode(key)}, {"keys_only", true}, {"limit", "1"}};
  const json::Value all{{"key", base64_encode(prefix)},
                        {"range_end", base64_encode(end_of_prefix(prefix))},
                        {"count_only", true}};
  return {"kv/txn",
          {{"success",
            json::Value::array({json::Value{{"request_range", one}}, json::Value{{"request_range", all}}})}}};
}

EtcdCall grant_lease(int64_t ttl_seconds) { return {"lease/grant", {{"TTL", fmt::to_string(ttl_seconds)}}}; }
EtcdCall keep_alive(int64_t lease) { return {"lease/keepalive", {{"ID", fmt::to_string(lease)}}}; }
EtcdCall revoke_lease(int64_t lease) { return {"lease/revoke", {{"ID", fmt::to_string(lease)}}}; }

EtcdCall authenticate(const std::string& name, const std::string& password) {
  return {"auth/authenticate", {{"name", name}, {"password", password}}};
}

EtcdCall put_if(const EtcdKeyValue& kv, int64_t mod_revision) {
  json::Value put{{"key", base64_encode(kv.key)}, {"value", base64_encode(kv.value)}};
  if (kv.lease != 0) put["lease"] = fmt::to_string(kv.lease);
  return {"kv/txn",
          {{"compare", json::Value::array({compare(kv.key, mod_revision)})},
           {"success", json::Value::array({json::Value{{"request_put", put}}})},
           {"failure", json::Value::array({json::Value{{"request_range", key_request(kv.key)}}})}}};
}

EtcdCall delete_if(const std::string& key, int64_t mod_revision) {
  return {"kv/txn",
          {{"compare", json::Value::array({compare(key, mod_revision)})},
           {"success", json::Value::array({json::Value{{"request_delete_range", key_request(key)}}})}}};
}

EtcdCall watch_prefix(const std::string& prefix, int64_t from_revision) {
  return {"watch",
          {{"create_request",
            {{"key", base64_encode(prefix)},
             {"range_end", base64_encode(end_of_prefix(prefix))},
             {"start_revision", fmt::to_string(from_revision)},
             {"fragment", true},
             {"progress_notify", true}}}}};
}

EtcdRange parse_range(const json::Value& answer) {
  EtcdRange range;
  range.revision = revision_of(json::get_object(answer, "header", ""));
  if (range.revision <= 0) throw ParseError("the answer to a range request has no revision");
  range.cluster = json::get_string(json::get_object(answer, "header", ""), "cluster_id", "");
  for (const json::Value& kv : json::get_array(answer, "kvs", "")) range.kvs.push_back(parse_kv(kv));
  range.count = number(answer, "count");
  range.has_more = json::get_bool(answer, "more", "");
  return range;
}

EtcdLease parse_lease(const json::Value& answer) {
  const EtcdLease lease = lease_of(answer);
  if (lease.id == 0) throw ParseError("the answer to a lease request has no ID");
  return lease;
}

EtcdLease parse_keep_alive(const json::Value& answer) {
  return lease_of(json::get_object(answer, "result", ""));
}

std::string parse_token(const json::Value& answer) {
  std::string token = json::get_string(answer, "token", "");
  if (token.empty() || token.find_first_of("\r\n") != std::string::npos)
    throw ParseError("the answer to an authentication request has no token");
  return token;
}

EtcdTxn parse_txn(const json::Value& answer) {
  EtcdTxn txn;
  txn.succeeded = json::get_bool(answer, "succeeded", "");
  txn.revision = revision_of(json::get_object(answer, "header", ""));
  if (txn.revision <= 0) throw ParseError("the answer to a transaction has no revision");
  for (const json::Value& response : json::get_array(answer, "responses", "")) {
    if (!response.is_object()) throw ParseError("a transaction's response is not an object");
    for (const json::Value& kv : json::get_array(json::get_object(response, "response_range", ""), "kvs", ""))
      txn.existing = parse_kv(kv);
  }
  return txn;
}

EtcdProbe parse_probe(const json::Value& answer) {
  EtcdProbe probe;
  const json::Value& header = json::get_object(answer, "header", "");
  probe.revision = revision_of(header);
  if (probe.revision <= 0) throw ParseError("the answer to a probe has no revision");
  probe.cluster = json::get_string(header, "cluster_id", "");
  const auto& responses = json::get_array(answer, "responses", "");
  if (responses.size() != 2 || !responses[0].is_object() || !responses[1].is_object())
    throw ParseError("the answer to a probe has not two parts");
  probe.has_key = number(json::get_object(responses[0], "response_range", ""), "count") > 0;
  probe.count = number(json::get_object(responses[1], "response_range", ""), "count");
  return probe;
}

EtcdWatchResponse parse_watch_response(std::string_view line) {
  const json::Value message =
      decoding("a message of the watch", [&] { return parse_object(line, line.size()); });
  EtcdWatchResponse response;
  if (const auto error = message.find("error"); error != message.end()) {
    response.is_canceled = true;
    response.cancel_reason = error->is_object() ? text_or_empty(*error, "message") : error->dump();
    return response;
  }
  const json::Value& result = json::get_object(message, "result", "");
  response.revision = revision_of(json::get_object(result, "header", ""));
  response.is_created = json::get_bool(result, "created", "");
  response.is_canceled = json::get_bool(result, "canceled", "");
  response.is_fragment = json::get_bool(result, "fragment", "");
  response.compact_revision = number(result, "compact_revision");
  response.cancel_reason = json::get_string(result, "cancel_reason", "");
  for (const json::Value& event : json::get_array(result, "events", "")) {
    if (!event.is_object()) throw ParseError("an event is not an object");
    response.events.push_back(
        {json::get_string(event, "type", "") == "DELETE", parse_kv(json::get_object(event, "kv", ""))});
  }
  return response;
}

EtcdError parse_error(long status, std::string_view body) {
  const std::string http = fmt::format("HTTP status {}", status);
  json::Value answer;
  try {
    answer = parse_object(body, kMaxError);
  } catch (const std::runtime_error&) {  // no message of etcd's
  }
  if (!answer.is_object()) {
    if (status == 404)
      return {0, fmt::format("{}: it has no v3 gateway; an etcd that is started with a configuration file "
                             "needs 'enable-grpc-gateway: true' there",
                             http)};
    return {0, fmt::format("{}: {}", http, base::quoted(body.substr(0, kShownBody)))};
  }
  // A stream wraps its error in an object.
  const auto wrapped = answer.find("error");
  const bool is_wrapped = wrapped != answer.end() && wrapped->is_object();
  const json::Value& error = is_wrapped ? *wrapped : answer;
  std::string reason = text_or_empty(error, "message");
  if (reason.empty()) reason = text_or_empty(error, "error");
  const auto code = error.find(is_wrapped ? "grpc_code" : "code");
  const bool has_code = code != error.end() && code->is_number_integer();
  reason = reason.empty() ? http : reason.substr(0, kShownBody);
  if (reason.find("database space exceeded") != std::string::npos)
    reason = fmt::format("{}; compact it, defragment it, then: etcdctl alarm disarm", reason);
  return {has_code ? code->get<int>() : 0, reason};
}

}  // namespace flanneld
