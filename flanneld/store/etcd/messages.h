// The messages of etcd's v3 JSON gateway that flanneld sends and understands, without a connection. Keys and
// values are plain bytes here. Source: etcd's api/etcdserverpb/rpc.proto; 64-bit numbers are strings in JSON,
// and a field with its zero value is absent from an answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/json/json.h"

namespace flanneld {

/// What a call asks: the path behind "/v3/", and the body.
struct EtcdCall {
  std::string path;
  json::Value body;
  size_t most_bytes = 2 << 20;  ///< of the answer
  bool is_page = false;         ///< an answer that is longer is no fault of the server's
};

struct EtcdKeyValue {
  std::string key, value;
  int64_t mod_revision = 0;
  int64_t lease = 0;  ///< 0: none, the key does not expire
  int64_t create_revision = 0;
};

struct EtcdEvent {
  bool is_delete = false;
  EtcdKeyValue kv;  ///< of a deletion only the key and mod_revision
};

struct EtcdRange {
  int64_t revision = 0;
  std::string cluster;  ///< its ID as text; empty: the server did not say
  std::vector<EtcdKeyValue> kvs;
  int64_t count = 0;      ///< of all keys that were asked for, whatever the limit
  bool has_more = false;  ///< the limit has left some out
};

/// A part of a list.
struct EtcdPage {
  std::string from, end;  ///< the first key, and the key behind the last one
  int64_t limit = 0;      ///< keys
  int64_t revision = 0;   ///< 0: the present one
  bool keys_only = false;
};
/// A longer page is not taken.
inline constexpr size_t kEtcdPageBytes = 1 << 20;

/// The key behind all that begin with `prefix` (etcd: clientv3.GetPrefixRangeEnd).
std::string end_of_prefix(std::string prefix);

/// What a store has, without the entries.
struct EtcdProbe {
  int64_t revision = 0;
  std::string cluster;   ///< as in EtcdRange
  bool has_key = false;  ///< the key that was asked for is there
  int64_t count = 0;     ///< of the keys below the prefix that was asked for
};

/// One message of a watch.
struct EtcdWatchResponse {
  int64_t revision = 0;
  bool is_created = false, is_canceled = false;
  bool is_fragment = false;      ///< more events of the same revisions follow
  bool is_garbled = false;       ///< what the server sent cannot be read, or is too long
  int64_t compact_revision = 0;  ///< not 0: the revision asked for is gone
  std::string cancel_reason;
  std::vector<EtcdEvent> events;
};

struct EtcdLease {
  int64_t id = 0;
  int64_t ttl = 0;  ///< seconds; 0: there is no such lease
};

EtcdCall range_page(const EtcdPage& page);
EtcdCall range_key(const std::string& key);
/// Whether there is such a key, and how many below `prefix`, by the word of a majority of members.
EtcdCall probe_keys(const std::string& key, const std::string& prefix);
EtcdCall grant_lease(int64_t ttl_seconds);
EtcdCall keep_alive(int64_t lease);
EtcdCall revoke_lease(int64_t lease);
EtcdCall authenticate(const std::string& name, const std::string& password);
/// Puts `kv` if its key has that mod_revision; 0: if there is no such key. Otherwise answers with what there
/// is.
EtcdCall put_if(const EtcdKeyValue& kv, int64_t mod_revision);
/// Deletes the key if it has that mod_revision.
EtcdCall delete_if(const std::string& key, int64_t mod_revision);
EtcdCall watch_prefix(const std::string& prefix, int64_t from_revision);

// The following throw base::ParseError for what cannot be an answer to the call.

EtcdRange parse_range(const json::Value& answer);
EtcdLease parse_lease(const json::Value& answer);
/// keep_alive wraps its answer as a stream of one message.
EtcdLease parse_keep_alive(const json::Value& answer);
std::string parse_token(const json::Value& answer);

struct EtcdTxn {
  bool succeeded = false;
  int64_t revision = 0;
  std::optional<EtcdKeyValue> existing;  ///< what there is instead
};
EtcdTxn parse_txn(const json::Value& answer);
EtcdProbe parse_probe(const json::Value& answer);

/// One line of a watch.
EtcdWatchResponse parse_watch_response(std::string_view line);

/// What an answer with status >= 400 says.
struct EtcdError {
  int code = 0;  ///< gRPC's; 0: the server did not speak etcd
  std::string text;
};
/// Takes any body, so that a server that talks rubbish is an error like others.
EtcdError parse_error(long status, std::string_view body);

}  // namespace flanneld
