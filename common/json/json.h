// JSON as the Go reference decodes it: keys match in any case (an exact match wins), null and
// absent are the same, a wrong type is an error that names the key. Depth and size are bounded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/base/ip.h"

namespace cni {

using Json = nlohmann::json;                 // keys sorted, as Go prints maps
using OrderedJson = nlohmann::ordered_json;  // keys in the order of the spec

/// Parses one document. Throws Error(decoding_failure) naming `what`, also for more than 64 levels.
Json parse_json(std::string_view text, const std::string& what);

/// Throws Error(decoding_failure) for more than 64 levels; of text that is no JSON at all it may do so too.
void check_depth(std::string_view text, const std::string& what);

/// The value of `key`, or nullptr when it is absent or null. `object` must be an object or null.
const Json* find(const Json& object, std::string_view key);

/// Removes `key` in every spelling.
void erase(Json& object, std::string_view key);

// Typed access. Each throws Error(decoding_failure) when the value has another type; `where` is the
// path of `object` for that message ("delegate", "" for the top level).
std::string get_string(const Json& object, std::string_view key, std::string_view where);
bool get_bool(const Json& object, std::string_view key, std::string_view where, bool otherwise = false);
/// nullopt when absent; refuses fractions and values outside [min, max].
std::optional<int64_t> get_integer(const Json& object, std::string_view key, std::string_view where,
                                   int64_t min, int64_t max);
/// The object / array under `key`, or an empty one.
const Json& get_object(const Json& object, std::string_view key, std::string_view where);
const Json& get_array(const Json& object, std::string_view key, std::string_view where);
std::vector<std::string> get_strings(const Json& object, std::string_view key, std::string_view where);
/// nullopt when absent or empty. Throws Error(invalid_config) for text that is no address.
std::optional<base::IpAddress> get_address(const Json& object, std::string_view key, std::string_view where);

/// Joins a path for messages: "ipam" + "subnet" -> "ipam.subnet".
std::string join_path(std::string_view where, std::string_view key);

}  // namespace cni
