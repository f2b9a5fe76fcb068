#include "flanneld/lease/go_json.h"

#include <fmt/format.h>

#include <strings.h>

#include <algorithm>

#include "common/base/spelling.h"
#include "common/base/text.h"

namespace flanneld {

using base::ParseError;

json::Value parse_object(std::string_view text, size_t max_bytes) {
  if (text.size() > max_bytes)
    throw ParseError(fmt::format("is {} bytes long, more than the {} that are read", text.size(), max_bytes));
  json::Value document = json::parse(text, "the text");
  if (!document.is_object())
    throw ParseError(fmt::format("the text must be a JSON object, not {}", document.type_name()));
  return document;
}

bool is_null(const json::Value& object, const char* key) {
  for (auto entry = object.begin(); entry != object.end(); ++entry)
    if (entry->is_null() && ::strcasecmp(entry.key().c_str(), key) == 0) return true;
  return false;
}

void refuse_misspelt(const json::Value& object, const std::vector<const char*>& known,
                     std::string_view where) {
  const std::vector<std::string_view> names(known.begin(), known.end());
  for (const auto& [key, value] : object.items()) {
    const std::string in_lower_case = base::lower(key);
    const bool is_known = std::any_of(names.begin(), names.end(), [&](std::string_view name) {
      return base::lower(name) == in_lower_case;
    });
    if (is_known) continue;
    if (const auto similar = base::find_similar(key, names))
      throw base::ParseError(fmt::format("there is no key {}; did you mean '{}'?",
                                         in_quotes(json::join_path(where, key)), *similar));
  }
}

std::optional<uint64_t> get_unsigned(const json::Value& object, std::string_view key, uint64_t max) {
  const json::Value* value = json::find(object, key);
  if (!value) return std::nullopt;
  if (!value->is_number_unsigned() || value->get<uint64_t>() > max)
    throw ParseError(fmt::format("key '{}' is {}, must be a whole number from 0 to {}", key,
                                 in_quotes(value->dump()), max));
  return value->get<uint64_t>();
}

std::optional<base::IpAddress> get_family_address(const json::Value& object, std::string_view key,
                                                  base::Family family) {
  if (!json::find(object, key)) return std::nullopt;
  const std::string text = json::get_string(object, key, "");
  const auto address = base::IpAddress::parse(text);
  if (!address || address->family() != family)
    throw ParseError(
        fmt::format("key '{}': {} is not an {} address", key, in_quotes(text), family_name(family)));
  return address;
}

std::string in_quotes(std::string_view text) {
  constexpr size_t kShown = 64;
  return fmt::format("'{}{}'", text.substr(0, kShown), text.size() > kShown ? "…" : "");
}

const char* family_name(base::Family family) { return family == base::Family::v4 ? "IPv4" : "IPv6"; }

}  // namespace flanneld
