#include "flanneld/options/flags.h"

#include <charconv>
#include <iterator>
#include <optional>

#include "common/base/spelling.h"
#include "common/base/text.h"

namespace flanneld {
namespace {

/// Skips the prefix that names a base; "0" alone stays.
int take_base(std::string_view& digits) {
  if (digits.size() < 2 || digits[0] != '0') return 10;
  const char letter = static_cast<char>(digits[1] | 0x20);
  const int base = letter == 'x' ? 16 : letter == 'b' ? 2 : 8;
  digits.remove_prefix(letter == 'x' || letter == 'b' || letter == 'o' ? 2 : 1);
  return base;
}

/// The name in "name", "name=value" and "name value", the last of which a list of arguments easily becomes.
std::string_view name_in(std::string_view body) { return body.substr(0, body.find_first_of("= \t")); }

std::optional<bool> find_boolean(std::string_view text) {
  const std::string word = base::lower(text);
  for (const char* yes : {"1", "t", "true", "y", "yes", "on"})
    if (word == yes) return true;
  for (const char* no : {"0", "f", "false", "n", "no", "off"})
    if (word == no) return false;
  return std::nullopt;
}

std::optional<Families> find_families(std::string_view text) {
  const auto boolean = find_boolean(text);
  return boolean ? Families{.v4 = *boolean, .v6 = *boolean} : Families::parse(text);
}

/// Whether the word behind a switch is its value.
bool is_value_of(FlagKind kind, std::string_view word) {
  return kind == FlagKind::families ? find_families(word).has_value() : find_boolean(word).has_value();
}

/// Puts the flag that `body` says into `flags`. Returns how many further words it takes: 1 if `next` is its
/// value, otherwise 0. Throws UsageError.
size_t take_flag(std::string_view body, const std::string* next, FlagValues& flags) {
  const std::string name(name_in(body));
  if (name.empty() || name[0] == '-') throw UsageError(fmt::format("bad flag syntax: {}", name));
  const Flag* flag = find_flag(name);
  if (!flag) throw UsageError(fmt::format("unknown flag --{}{}", name, did_you_mean(name)));
  const FlagKind kind = flag->meaning.kind;
  std::string_view rest = body.substr(name.size());
  rest = rest.starts_with('=') ? rest.substr(1) : base::trimmed(rest);
  const bool has_value = body.size() > name.size() && (body[name.size()] == '=' || !rest.empty());
  const bool takes_next = !has_value && (!is_switch(kind) || (next && is_value_of(kind, *next)));
  if (!has_value && !next && !is_switch(kind)) throw UsageError(fmt::format("flag --{} needs a value", name));
  const std::string value = has_value ? std::string(rest) : takes_next ? *next : "true";
  FlagValue& slot = flags[name];
  slot.origin = fmt::format("--{}", name);
  check_form(kind, value, slot.origin);
  if (kind != FlagKind::list) slot.values.clear();
  slot.values.push_back(value);
  return takes_next ? 1 : 0;
}

}  // namespace

std::string did_you_mean(std::string_view name) {
  std::vector<std::string_view> names;
  for (const Flag& flag : all_flags()) names.emplace_back(flag.name);
  const auto similar = base::find_similar(name, names);
  return similar ? fmt::format("; did you mean --{}?", *similar) : "";
}

std::string Flag::environment_name() const {
  std::string result = fmt::format("FLANNELD_{}", name);
  for (char& one : result) {
    if (one == '-') one = '_';
    if (one >= 'a' && one <= 'z') one = static_cast<char>(one - 'a' + 'A');
  }
  return result;
}

CommandLine parse_command_line(const std::vector<std::string>& arguments) {
  CommandLine line;
  size_t at = 0;
  for (; at < arguments.size(); ++at) {
    const std::string_view word = arguments[at];
    if (word == "--") {
      ++at;
      break;
    }
    const bool is_flag = word.size() > 1 && word[0] == '-';
    const std::string_view body = is_flag ? word.substr(word[1] == '-' ? 2 : 1) : word;
    const std::string_view name = name_in(body);
    if (is_flag && (name == "h" || name == "help")) {
      line.help = true;
      return line;
    }
    if (!is_flag || (!line.words.empty() && !find_flag(name)))
      line.words.emplace_back(word);  // a command, or what it takes
    else
      at += take_flag(body, at + 1 < arguments.size() ? &arguments[at + 1] : nullptr, line.flags);
  }
  line.words.insert(line.words.end(), arguments.begin() + static_cast<std::ptrdiff_t>(at), arguments.end());
  return line;
}

void check_form(FlagKind kind, const std::string& text, const std::string& origin) {
  switch (kind) {
    case FlagKind::boolean:
      parse_boolean(text, origin);
      return;
    case FlagKind::families:
      parse_families(text, origin);
      return;
    case FlagKind::number:
      parse_number(text, origin);
      return;
    case FlagKind::text:
    case FlagKind::list:
      if (text.find('\0') != std::string::npos)
        throw UsageError(fmt::format("{}: the value holds a NUL byte", origin));
      return;
  }
}

bool parse_boolean(std::string_view text, const std::string& origin) {
  if (const auto boolean = find_boolean(text)) return *boolean;
  throw UsageError(fmt::format("{}: {} is not true or false", origin, base::quoted(text)));
}

Families parse_families(std::string_view text, const std::string& origin) {
  if (const auto families = find_families(text)) return *families;
  throw UsageError(fmt::format("{}: {} is not true, false, v4 or v6", origin, base::quoted(text)));
}

long long parse_number(std::string_view text, const std::string& origin) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  const int base = take_base(digits);
  long long number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (error != std::errc{} || end != digits.data() + digits.size() || digits.starts_with('-'))
    throw UsageError(fmt::format("{}: {} is not a number", origin, base::quoted(text)));
  return negative ? -number : number;
}

std::string flags_help() {
  std::string text;
  for (const Flag& flag : all_flags()) {
    const std::string_view value = flag.default_value;
    const bool shows_default = !value.empty() && value != "false";
    fmt::format_to(std::back_inserter(text), "  --{}{}{}\n      {}{}\n", flag.name,
                   is_switch(flag.meaning.kind) ? "[=false]" : " ", flag.argument, flag.help,
                   shows_default ? fmt::format(" (default {})", value) : "");
  }
  return text;
}

}  // namespace flanneld
