#include "common/json/json.h"

#include <algorithm>
#include <cmath>

#include "common/base/error.h"
#include "common/base/text.h"

namespace json {
namespace {

constexpr int kMaxDepth = 64;
constexpr double kTwoTo63 = 9223372036854775808.0;

bool equal_fold(std::string_view a, std::string_view b) {
  return a.size() == b.size() && base::lower(a) == base::lower(b);
}

/// The most brackets that are open at once, those in strings not counted. For text that is no JSON the answer
/// means nothing.
int bracket_depth(std::string_view text) {
  int depth = 0, deepest = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

[[noreturn]] void throw_too_deep(const std::string& what) {
  throw base::ParseError(fmt::format("{} is nested deeper than {} levels", what, kMaxDepth));
}

[[noreturn]] void throw_type(std::string_view where, std::string_view key, const Value& value,
                             const std::string& wanted) {
  throw base::ParseError(
      fmt::format("key '{}' must be {}, not {}", join_path(where, key), wanted, value.type_name()));
}

}  // namespace

Value parse(std::string_view text, const std::string& what) {
  const auto bounded = [&](int depth, Value::parse_event_t, const Value&) {
    if (depth > kMaxDepth) throw_too_deep(what);
    return true;
  };
  try {
    // A parser that calls back at each value takes nearly twice the time.
    if (bracket_depth(text) <= kMaxDepth) return Value::parse(text.begin(), text.end());
    return Value::parse(text.begin(), text.end(), bounded);
  } catch (const Value::exception& error) {
    std::string_view reason = error.what();  // "[json.exception.parse_error.101] parse error at …"
    if (const size_t end = reason.find("] "); end != std::string_view::npos) reason.remove_prefix(end + 2);
    throw base::ParseError(fmt::format("{} is not valid JSON: {}", what, reason.substr(0, 300)));
  }
}

void check_depth(std::string_view text, const std::string& what) {
  if (bracket_depth(text) > kMaxDepth) throw_too_deep(what);
}

const Value* find(const Value& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  auto entry = object.find(key);
  if (entry == object.end())
    for (entry = object.begin(); entry != object.end() && !equal_fold(entry.key(), key);) ++entry;
  return entry == object.end() || entry->is_null() ? nullptr : &*entry;
}

void erase(Value& object, std::string_view key) {
  for (auto entry = object.begin(); entry != object.end();)
    entry = equal_fold(entry.key(), key) ? object.erase(entry) : std::next(entry);
}

std::string get_string(const Value& object, std::string_view key, std::string_view where) {
  const Value* value = find(object, key);
  if (!value) return {};
  if (!value->is_string()) throw_type(where, key, *value, "a string");
  return value->get<std::string>();
}

bool get_bool(const Value& object, std::string_view key, std::string_view where, bool otherwise) {
  const Value* value = find(object, key);
  if (!value) return otherwise;
  if (!value->is_boolean()) throw_type(where, key, *value, "true or false");
  return value->get<bool>();
}

std::optional<int64_t> get_integer(const Value& object, std::string_view key, std::string_view where,
                                   int64_t min, int64_t max) {
  const Value* value = find(object, key);
  if (!value) return std::nullopt;
  // A map that went through Go holds every number as a double: 5 and 5.0 are the same.
  const bool whole = value->is_number_integer() ||
                     (value->is_number_float() && value->get<double>() == std::trunc(value->get<double>()));
  if (!whole) throw_type(where, key, *value, "a whole number");
  const bool representable = value->is_number_unsigned()
                                 ? value->get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX)
                                 : !value->is_number_float() || std::abs(value->get<double>()) < kTwoTo63;
  const auto number = representable ? value->get<int64_t>() : 0;
  if (!representable || number < min || number > max)
    throw base::ValueError(
        fmt::format("key '{}' is {}, must be from {} to {}", join_path(where, key), value->dump(), min, max));
  return number;
}

const Value& get_object(const Value& object, std::string_view key, std::string_view where) {
  static const Value kEmpty = Value::object();
  const Value* value = find(object, key);
  if (!value) return kEmpty;
  if (!value->is_object()) throw_type(where, key, *value, "an object");
  return *value;
}

const Value& get_array(const Value& object, std::string_view key, std::string_view where) {
  static const Value kEmpty = Value::array();
  const Value* value = find(object, key);
  if (!value) return kEmpty;
  if (!value->is_array()) throw_type(where, key, *value, "an array");
  return *value;
}

std::vector<std::string> get_strings(const Value& object, std::string_view key, std::string_view where) {
  std::vector<std::string> strings;
  for (const Value& item : get_array(object, key, where)) {
    if (!item.is_string()) throw_type(where, key, item, "an array of strings");
    strings.push_back(item.get<std::string>());
  }
  return strings;
}

std::optional<base::IpAddress> get_address(const Value& object, std::string_view key,
                                           std::string_view where) {
  const std::string text = get_string(object, key, where);
  if (text.empty()) return std::nullopt;
  const auto address = base::IpAddress::parse(text);
  if (!address)
    throw base::ValueError(
        fmt::format("key '{}': {} is not an IP address", join_path(where, key), base::quoted(text)));
  return address;
}

std::string join_path(std::string_view where, std::string_view key) {
  return where.empty() ? std::string(key) : fmt::format("{}.{}", where, key);
}

}  // namespace json
