#include "flanneld/io/command_line.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "common/base/text.h"

namespace flanneld {
namespace {

// Go's unicode.IsSpace().
constexpr std::array<std::string_view, 25> kWhiteSpace{
    " ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\u0085", "\u00a0", "\u1680",
    "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008",
    "\u2009", "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};

/// How many bytes of white space the text begins with, at most one character.
size_t leading_space(std::string_view text) {
  for (const std::string_view space : kWhiteSpace)
    if (text.starts_with(space)) return space.size();
  return 0;
}

size_t trailing_space(std::string_view text) {
  for (const std::string_view space : kWhiteSpace)
    if (text.ends_with(space)) return space.size();
  return 0;
}

std::vector<std::string_view> split_words(std::string_view text) {
  std::vector<std::string_view> words;
  for (text = trim_white_space(text); !text.empty(); text = trim_white_space(text)) {
    size_t length = 0;
    while (length < text.size() && leading_space(text.substr(length)) == 0) ++length;
    words.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return words;
}

bool is_name_letter(char c) {
  return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// What stands behind a '$'.
struct Reference {
  std::string_view name;
  size_t length = 0;  ///< of all that belongs to it; 0: the '$' is no reference
};

/// As Go's os.Expand(): a name of one special letter, as shells have them, is looked up as any other; "${}"
/// and a brace that is not closed are dropped.
Reference read_reference(std::string_view text) {
  constexpr std::string_view kSpecial = "*#$@!?-0123456789";
  if (text.empty()) return {};
  if (text.front() == '{') {
    const size_t end = text.find('}');
    if (end == std::string_view::npos) return {{}, 1};
    return {text.substr(1, end - 1), end + 1};
  }
  if (kSpecial.find(text.front()) != std::string_view::npos) return {text.substr(0, 1), 1};
  const auto end = std::find_if_not(text.begin(), text.end(), is_name_letter);
  const auto length = static_cast<size_t>(end - text.begin());
  return {text.substr(0, length), length};
}

std::string_view value_of(std::string_view name, const std::vector<std::string>& environment) {
  for (const std::string_view entry : environment)
    if (entry.starts_with(name) && entry.substr(name.size()).starts_with('='))
      return entry.substr(name.size() + 1);
  return {};
}

std::string expand(std::string_view word, const std::vector<std::string>& environment) {
  std::string expanded;
  while (!word.empty()) {
    const size_t dollar = std::min(word.find('$'), word.size());
    expanded += word.substr(0, dollar);
    word.remove_prefix(dollar);
    if (word.empty()) break;
    word.remove_prefix(1);
    const Reference reference = read_reference(word);
    if (reference.length == 0)
      expanded += '$';
    else if (!reference.name.empty())
      expanded += value_of(reference.name, environment);
    word.remove_prefix(reference.length);
  }
  return expanded;
}

bool is_executable(const std::string& file) {
  struct stat status {};
  return ::stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode) && ::access(file.c_str(), X_OK) == 0;
}

}  // namespace

std::string_view trim_white_space(std::string_view text) {
  while (const size_t length = leading_space(text)) text.remove_prefix(length);
  while (const size_t length = trailing_space(text)) text.remove_suffix(length);
  return text;
}

std::vector<std::string> expand_command(std::string_view command,
                                        const std::vector<std::string>& environment) {
  std::vector<std::string> words;
  for (const std::string_view word : split_words(command)) words.push_back(expand(word, environment));
  return words;
}

std::optional<std::string> find_program(const std::string& name, std::string_view path) {
  if (name.find('/') != std::string::npos) return name;
  if (name.empty()) return std::nullopt;
  for (const std::string_view directory : base::split(path, ':')) {
    if (!directory.starts_with('/')) continue;
    std::string file = fmt::format("{}/{}", directory, name);
    if (is_executable(file)) return file;
  }
  return std::nullopt;
}

}  // namespace flanneld
