#include "flanneld/iface_regex.h"

#include "common/base/error.h"

namespace flanneld {
namespace {

constexpr size_t kMaxPattern = 1024;  // its compiler is recursive

}  // namespace

std::regex compile_iface_regex(const std::string& pattern) {
  if (pattern.size() > kMaxPattern)
    throw base::ParseError("the pattern is longer than " + std::to_string(kMaxPattern) + " bytes");
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
