#include "flanneld/options/flags.h"

#include <charconv>
#include <iterator>

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

/// Puts the flag "name" or "name=value" into `flags`. Returns how many further words it takes: 1 if `next` is
/// its value, otherwise 0. Throws UsageError.
size_t take_flag(std::string_view body, const std::string* next, FlagValues& flags) {
  const size_t equals = body.find('=');
  const std::string name(body.substr(0, equals));
  if (name.empty() || name[0] == '-') throw UsageError(fmt::format("bad flag syntax: {}", name));
  const Flag* flag = find_flag(name);
  if (!flag) throw UsageError(fmt::format("unknown flag --{}", name));
  const FlagKind kind = flag->meaning.kind;
  const bool has_value = equals != std::string_view::npos;
  const bool takes_next = !has_value && kind != FlagKind::boolean;
  if (takes_next && !next) throw UsageError(fmt::format("flag --{} needs a value", name));
  const std::string value = has_value ? std::string(body.substr(equals + 1)) : takes_next ? *next : "true";
  FlagValue& slot = flags[name];
  slot.origin = fmt::format("--{}", name);
  check_form(kind, value, slot.origin);
  if (kind != FlagKind::list) slot.values.clear();
  slot.values.push_back(value);
  return takes_next ? 1 : 0;
}

}  // namespace

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
    if (word.size() < 2 || word[0] != '-') break;
    if (word == "--") {
      ++at;
      break;
    }
    const std::string_view body = word.substr(word[1] == '-' ? 2 : 1);
    if (const auto name = body.substr(0, body.find('=')); name == "h" || name == "help") {
      line.help = true;
      return line;
    }
    at += take_flag(body, at + 1 < arguments.size() ? &arguments[at + 1] : nullptr, line.flags);
  }
  line.words.assign(arguments.begin() + static_cast<std::ptrdiff_t>(at), arguments.end());
  return line;
}

void check_form(FlagKind kind, const std::string& text, const std::string& origin) {
  switch (kind) {
    case FlagKind::boolean:
      parse_boolean(text, origin);
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
  for (const char* word : {"1", "t", "T", "TRUE", "true", "True"})
    if (text == word) return true;
  for (const char* word : {"0", "f", "F", "FALSE", "false", "False"})
    if (text == word) return false;
  throw UsageError(fmt::format("{}: {} is not true or false", origin, base::quoted(text)));
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
    const bool is_switch = flag.meaning.kind == FlagKind::boolean;
    const std::string_view value = flag.default_value;
    const bool shows_default = !value.empty() && value != "false";
    fmt::format_to(std::back_inserter(text), "  --{}{}{}\n      {}{}\n", flag.name,
                   is_switch ? "[=false]" : " ", flag.argument, flag.help,
                   shows_default ? fmt::format(" (default {})", value) : "");
  }
  return text;
}

}  // namespace flanneld
