// Reads JSON from a store or a file as Go flanneld reads it: what encoding/json accepts for a Go type.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/error.h"
#include "common/base/ip.h"
#include "common/json/json.h"

namespace flanneld {

/// Returns what `decode` returns. A base::ParseError of it gets "<what>: " before its text.
template <class Decode>
auto decoding(const std::string& what, Decode&& decode) {
  try {
    return decode();
  } catch (const base::ParseError& error) {
    throw base::ParseError(fmt::format("{}: {}", what, error.what()));
  }
}

// The following throw base::ParseError, whose text lacks what was read: decoding() adds that.

/// Parses one document, which must be an object of at most `max_bytes` and 64 levels.
json::Value parse_object(std::string_view text, size_t max_bytes);

/// True if `key` has the value null, which json::find() takes for absent. The key's case does not matter.
bool is_null(const json::Value& object, const char* key);

/// Throws for a key that is none of `known` and resembles one, in whatever case: a slip of the pen, which Go
/// would pass over. `where` is the path of `object`, or "".
void refuse_misspelt(const json::Value& object, const std::vector<const char*>& known,
                     std::string_view where);

/// Digits only, as Go reads an unsigned integer: neither 24.0 nor "24" will do. nullopt when absent.
std::optional<uint64_t> get_unsigned(const json::Value& object, std::string_view key, uint64_t max);

/// An address of `family`; nullopt when absent or null. Empty text is an error, as in Go.
std::optional<base::IpAddress> get_family_address(const json::Value& object, std::string_view key,
                                                  base::Family family);

/// "'text'" for a message, cut short if it is long.
std::string in_quotes(std::string_view text);

/// "IPv4" or "IPv6".
const char* family_name(base::Family family);

}  // namespace flanneld
