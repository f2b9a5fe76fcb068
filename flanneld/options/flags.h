// The table of flanneld's flags, and the syntax of its command line, which is that of Go's flag package.
#pragma once

#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "flanneld/lease/network_config.h"

namespace flanneld {

struct Options;

/// The operator's input cannot be used; what() is the text for stderr. The program exits with 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class FlagKind {
  boolean,
  families,  ///< a switch for both address families, or the name of one
  number,
  text,
  list
};
/// Whether the flag may stand without a value.
constexpr bool is_switch(FlagKind kind) { return kind == FlagKind::boolean || kind == FlagKind::families; }

/// The text that a flag was set to: several for a list, one for the others.
struct FlagValue {
  std::vector<std::string> values;
  std::string origin;  ///< for messages: "--iface", "FLANNELD_IFACE", "/etc/flanneld.yaml: iface"
  [[nodiscard]] const std::string& text() const { return values.back(); }
};
using FlagValues = std::map<std::string, FlagValue, std::less<>>;

/// What a flag's text means.
struct FlagMeaning {
  FlagKind kind;
  /// Puts the value into the options. Throws UsageError beginning with the value's origin.
  void (*apply)(Options& options, const FlagValue& value);
};

/// One row of the table: all that is known of a flag.
struct Flag {
  const char* name;
  const char* argument;  ///< its placeholder in the help text; empty for a switch
  const char* default_value;
  FlagMeaning meaning;
  const char* help;
  bool is_secret = false;  ///< its value is never shown

  /// "FLANNELD_" and the name in capitals.
  [[nodiscard]] std::string environment_name() const;
};

/// All flags, in the order of the help text.
std::span<const Flag> all_flags();
/// nullptr when there is none of that name.
const Flag* find_flag(std::string_view name);
/// "; did you mean --iface?", or empty text when no flag resembles `name`.
std::string did_you_mean(std::string_view name);

struct CommandLine {
  FlagValues flags;
  std::vector<std::string> words;  ///< a command, and what behind it is no flag of this table
  bool help = false;               ///< -h or -help; the words behind it are not read
};

/// Reads the words behind the program's name. Flags may stand before and after a command; a switch may have
/// its value behind it, as in "--ip-masq true", and a flag and its value may be one word. Throws UsageError.
CommandLine parse_command_line(const std::vector<std::string>& arguments);

/// Throws UsageError unless `text` has the form that the kind demands; `origin` begins its text.
void check_form(FlagKind kind, const std::string& text, const std::string& origin);

/// What Go's ParseBool knows (1, t, true and their opposites), and yes, no, on, off, in any case. Throws
/// UsageError.
bool parse_boolean(std::string_view text, const std::string& origin);
/// The same, or "v4" or "v6".
Families parse_families(std::string_view text, const std::string& origin);
/// Go's ParseInt of base 0: decimal, 0x, 0o or 0, 0b. Throws UsageError.
long long parse_number(std::string_view text, const std::string& origin);

/// Every flag with its help and default.
std::string flags_help();

}  // namespace flanneld
