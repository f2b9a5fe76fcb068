// JSON as the Go reference decodes it: keys match in any case (an exact match wins), null and absent are the
// same, a wrong type is an error that names the key. Depth is bounded.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/base/ip.h"

namespace json {

using Value = nlohmann::json;                 // keys sorted, as Go prints maps
using OrderedValue = nlohmann::ordered_json;  // keys in the order of the spec

/// Parses one document. Throws base::ParseError, which names `what`, for text that is no JSON and for more
/// than 64 levels.
Value parse(std::string_view text, const std::string& what);

/// Throws base::ParseError for more than 64 levels, and perhaps for text that is no JSON.
void check_depth(std::string_view text, const std::string& what);

/// The value of `key`, or nullptr when it is absent or null. `object` must be an object or null.
const Value* find(const Value& object, std::string_view key);

/// Removes `key` in all its upper and lower case spellings.
void erase(Value& object, std::string_view key);

// Typed access. Each throws base::ParseError when the value has another type. `where` is the path of `object`
// for the message: "delegate", or "" for the top level.

/// Empty when absent.
std::string get_string(const Value& object, std::string_view key, std::string_view where);
/// `otherwise` when absent.
bool get_bool(const Value& object, std::string_view key, std::string_view where, bool otherwise = false);
/// nullopt when absent. Throws base::ValueError outside [min, max]; a fraction has the wrong type.
std::optional<int64_t> get_integer(const Value& object, std::string_view key, std::string_view where,
                                   int64_t min, int64_t max);
/// The object / array under `key`, or an empty one.
const Value& get_object(const Value& object, std::string_view key, std::string_view where);
const Value& get_array(const Value& object, std::string_view key, std::string_view where);
/// The strings of the array under `key`; none when it is absent.
std::vector<std::string> get_strings(const Value& object, std::string_view key, std::string_view where);
/// nullopt when absent or empty. Throws base::ValueError for text that is no address.
std::optional<base::IpAddress> get_address(const Value& object, std::string_view key, std::string_view where);

/// Joins a path for messages: ("ipam", "subnet") gives "ipam.subnet".
std::string join_path(std::string_view where, std::string_view key);

}  // namespace json
