#include "flanneld/iface_regex.h"

#include "common/base/error.h"

namespace flanneld {
namespace {

constexpr size_t kMaxPattern = 1024;  // its compiler is recursive
constexpr unsigned kMaxRepeat = 1000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Upstream's syntax, RE2, has no back references and repeats no more than 1000 times; the compiler here
/// would compute such numbers without any bound.
void check_numbers(const std::string& pattern) {
  unsigned count = 0;
  bool is_counting = false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\') {
      if (++i < pattern.size() && is_digit(pattern[i]) && pattern[i] != '0')
        throw base::ParseError("the pattern has a back reference, '\\" + pattern.substr(i, 1) + "'");
      is_counting = false;
    } else if (c == '{' || (is_counting && c == ',')) {
      is_counting = true;
      count = 0;
    } else if (is_counting && is_digit(c)) {
      count = count * 10 + static_cast<unsigned>(c - '0');
      if (count > kMaxRepeat)
        throw base::ParseError("the pattern repeats something more than " + std::to_string(kMaxRepeat) +
                               " times");
    } else {
      is_counting = false;
    }
  }
}

}  // namespace

std::regex compile_iface_regex(const std::string& pattern) {
  if (pattern.size() > kMaxPattern)
    throw base::ParseError("the pattern is longer than " + std::to_string(kMaxPattern) + " bytes");
  check_numbers(pattern);
  auto flags = std::regex::ECMAScript;
  std::string text = pattern;
  if (text.starts_with("(?i)")) {
    flags |= std::regex::icase;
    text.erase(0, 4);
  }
  try {
    return std::regex(text, flags);
  } catch (const std::regex_error& error) {
    throw base::ParseError("'" + pattern + "' is not a regular expression: " + error.what());
  }
}

}  // namespace flanneld
