# shellcheck shell=bash
# How the scripts talk: plain lines, bold headings on a terminal.

if [[ -t 1 ]]; then bold=$'\e[1m' plain=$'\e[0m'; else bold='' plain=''; fi

# Prints a heading.
step() {
  printf '\n%s== %s%s\n' "$bold" "$*" "$plain"
}

# Runs a command and shows it with its output, indented: show TITLE COMMAND... Keeps the exit status.
show() {
  printf '\n  %s$ %s%s\n' "$bold" "$1" "$plain"
  "${@:2}" 2>&1 | sed 's/^/    /'
}
