#include "flanneld/commands/completion.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cstdio>
#include <iterator>
#include <vector>

#include "common/base/text.h"

namespace flanneld {
namespace {

/// A command and the words that may stand behind it.
struct Command {
  const char* name;
  const char* bash_words;
  const char* zsh_words;  ///< specifications of _arguments
};
constexpr std::array kCommands{
    Command{"status", "-o --watch --cluster",
            "'-o[as JSON]:format:(json)' '--watch[again and again]' '--cluster[all leases, by the store]'"},
    Command{"doctor", "-o --fix", "'-o[as JSON]:format:(json)' '--fix[mend what can be mended from here]'"},
    Command{"cleanup", "--force --lease",
            "'--force[also beside an agent]' '--lease[give back a lease]:subnet:'"},
    Command{"completion", "bash zsh", "'2:shell:(bash zsh)'"}};

std::string names_of_commands(std::string_view separator) {
  std::vector<std::string_view> names;
  names.reserve(kCommands.size());
  for (const Command& command : kCommands) names.emplace_back(command.name);
  return fmt::format("{}", fmt::join(names, separator));
}

/// Flags whose value is a file or a directory, by what stands for it in the help text.
bool takes_file(const Flag& flag) {
  const std::string_view argument = flag.argument;
  return argument == "FILE" || argument == "DIR";
}

/// `text` within a quoted word of zsh's _arguments, where brackets and colons have a meaning.
std::string zsh_text(std::string_view text) {
  std::string result;
  for (const char one : text) {
    if (one == '\'') {
      result += "'\\''";
      continue;
    }
    if (one == '[' || one == ']' || one == ':' || one == '\\') result += '\\';
    result += one;
  }
  return result;
}

std::string bash_script() {
  std::string flags, files, values;
  for (const Flag& flag : all_flags()) {
    fmt::format_to(std::back_inserter(flags), " --{}", flag.name);
    if (takes_file(flag))
      fmt::format_to(std::back_inserter(files), "{}--{}", files.empty() ? "" : "|", flag.name);
    if (!takes_file(flag) && !is_switch(flag.meaning.kind) && flag.name != std::string_view("iface"))
      fmt::format_to(std::back_inserter(values), "{}--{}", values.empty() ? "" : "|", flag.name);
  }
  std::string cases;
  for (const Command& command : kCommands)
    fmt::format_to(std::back_inserter(cases), "      {}) more='{}' ;;\n", command.name, command.bash_words);
  return fmt::format(R"sh(# bash completion for flanneld
_flanneld() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} more='{}' one
  case $before in
    --iface) mapfile -t COMPREPLY < <(compgen -W "$(ls /sys/class/net)" -- "$word") && return ;;
    {}) mapfile -t COMPREPLY < <(compgen -f -- "$word") && return ;;
    {}) return ;;
    -o) mapfile -t COMPREPLY < <(compgen -W json -- "$word") && return ;;
  esac
  for one in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    case $one in
{}    esac
  done
  case $word in
    -*) mapfile -t COMPREPLY < <(compgen -W "$more {}" -- "$word") ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$more" -- "$word") ;;
  esac
}}
complete -o filenames -F _flanneld flanneld
)sh",
                     names_of_commands(" "), files, values, cases, flags.substr(1));
}

std::string zsh_script() {
  std::string flags;
  for (const Flag& flag : all_flags()) {
    fmt::format_to(std::back_inserter(flags), "  '*--{}[{}]", flag.name, zsh_text(flag.help));
    if (!is_switch(flag.meaning.kind))
      fmt::format_to(std::back_inserter(flags), ":{}:{}", zsh_text(flag.argument),
                     takes_file(flag) ? "_files" : "");
    flags += "' \\\n";
  }
  std::string cases;
  for (const Command& command : kCommands)
    fmt::format_to(std::back_inserter(cases), "  {}) more=({}) ;;\n", command.name, command.zsh_words);
  return fmt::format(
      "#compdef flanneld\nlocal -a more\ncase ${{words[(r)({})]}} in\n{}esac\n"
      "_arguments $more \\\n{}  '1:command:({})'\n",
      names_of_commands("|"), cases, flags, names_of_commands(" "));
}

}  // namespace

std::string completion_script(std::string_view shell) {
  if (shell == "bash") return bash_script();
  if (shell == "zsh") return zsh_script();
  throw UsageError(fmt::format("no completion for {}, only for bash and zsh", base::quoted(shell)));
}

int run_completion(const Options& options) {
  if (options.words.size() != 2) throw UsageError("usage: flanneld completion bash|zsh");
  return std::fputs(completion_script(options.words[1]).c_str(), stdout) < 0 ? 1 : 0;
}

}  // namespace flanneld
