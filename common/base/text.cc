#include "common/base/text.h"

namespace base {
namespace {

constexpr size_t kMostQuoted = 256;  // bytes: what comes from outside may be of any length
constexpr const char* kWhiteSpace = " \t\r\n\v\f";

}  // namespace

std::string quoted(std::string_view name) {
  return name.size() > kMostQuoted ? fmt::format("'{}…'", name.substr(0, kMostQuoted))
                                   : fmt::format("'{}'", name);
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return result;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kWhiteSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhiteSpace) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::string path_as_name(std::string_view path) {
  std::string name;
  for (const char c : path) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    if (c == '/')
      name += '-';
    else if (plain)
      name += c;
    else
      name += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return name;
}

}  // namespace base
