#include "flanneld/commands/completion.h"

#include <fmt/format.h>

#include <cstdio>
#include <iterator>

#include "common/base/text.h"

namespace flanneld {
namespace {

constexpr const char* kCommands = "status doctor cleanup completion";

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
  return fmt::format(R"sh(# bash completion for flanneld
_flanneld() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}}
  case $before in
    --iface) mapfile -t COMPREPLY < <(compgen -W "$(ls /sys/class/net)" -- "$word") && return ;;
    {}) mapfile -t COMPREPLY < <(compgen -f -- "$word") && return ;;
    {}) return ;;
    completion) mapfile -t COMPREPLY < <(compgen -W 'bash zsh' -- "$word") && return ;;
  esac
  case $word in
    -*) mapfile -t COMPREPLY < <(compgen -W '{}' -- "$word") ;;
    *) mapfile -t COMPREPLY < <(compgen -W '{}' -- "$word") ;;
  esac
}}
complete -o filenames -F _flanneld flanneld
)sh",
                     files, values, flags.substr(1), kCommands);
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
  return fmt::format("#compdef flanneld\n_arguments \\\n{}  '1:command:({})' '*:argument:'\n", flags,
                     kCommands);
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
