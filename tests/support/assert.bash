# shellcheck shell=bash
# Assertions for bats tests: each prints what it wanted and what it got, and returns 1.

# Fails the test with a message.
fail() {
  printf '%s\n' "$*" >&2
  return 1
}

# assert_equal GOT WANTED
assert_equal() {
  [[ $1 == "$2" ]] || fail "got:    $1"$'\n'"wanted: $2"
}

# assert_match TEXT REGEX
assert_match() {
  [[ $1 =~ $2 ]] || fail "got:    $1"$'\n'"wanted: $2 (regex)"
}

# assert_empty TEXT WHAT
assert_empty() {
  [[ -z $1 ]] || fail "$2 should be none, got:"$'\n'"$1"
}

# assert_json JSON FILTER: the jq filter is true of the document.
assert_json() {
  jq -e "$2" >/dev/null 2>&1 <<<"$1" || fail "got:    $1"$'\n'"wanted: $2"
}
