#!/usr/bin/env bats
# The edge of both plugins: environment, stdin, versions, error objects, exit status.

load ../support/flannel_test.bash

# call VERB NAME=VALUE... <config: `flannel` with a complete environment, then the given changes.
call() {
  local verb=$1
  shift
  plugin_env flannel "CNI_COMMAND=$verb" CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/pod CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin "$@"
}

@test "VERSION lists the supported versions whatever stdin holds" {
  for plugin in flannel flannel-ipam; do
    run plugin_env "$plugin" CNI_COMMAND=VERSION <<<"not json"
    assert_equal "$status" 0
    assert_equal "$output" '{"cniVersion":"1.1.0","supportedVersions":["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]}'
  done
}

@test "without CNI_COMMAND the plugin says what it is on stderr" {
  for plugin in flannel flannel-ipam; do
    run --separate-stderr plugin_env "$plugin" A=b </dev/null
    assert_equal "$status" 0
    assert_empty "$output" "stdout"
    # shellcheck disable=SC2154 # bats sets it
    assert_match "$stderr" "CNI $plugin plugin .*CNI protocol versions supported: 0.1.0, 0.2.0, .*1.1.0"
  done
}

@test "--help and --version print to stdout and succeed" {
  for plugin in flannel flannel-ipam; do
    run node_exec env -i "/opt/cni/bin/$plugin" --version
    assert_equal "$status" 0
    assert_match "$output" "^CNI $plugin plugin [0-9]"
    run node_exec env -i "/opt/cni/bin/$plugin" --help
    assert_equal "$status" 0
    assert_match "$output" "CNI_COMMAND"
  done
}

@test "all missing variables are named at once, in order" {
  run plugin_env flannel CNI_COMMAND=ADD <<<"$(conf)"
  assert_error 4 '\[CNI_CONTAINERID,CNI_NETNS,CNI_IFNAME,CNI_PATH\]'
  run plugin_env flannel CNI_COMMAND=DEL CNI_IFNAME= <<<"$(conf)"
  assert_error 4 '\[CNI_CONTAINERID,CNI_IFNAME,CNI_PATH\]'
  run plugin_env flannel CNI_COMMAND=GC <<<"$(conf)"
  assert_error 4 '\[CNI_PATH\]'
}

@test "invalid container ids and interface names are refused" {
  for id in ../x a/b .a -a 'a b' 'a:b' "$(printf 'a%.0s' {1..240})"; do
    run call ADD "CNI_CONTAINERID=$id" <<<"$(conf)"
    assert_error 4 'CNI_CONTAINERID'
  done
  for ifname in . .. a/b a:b 'a b' sixteen-bytes-xx; do
    run call ADD "CNI_IFNAME=$ifname" <<<"$(conf)"
    assert_error 4 'CNI_IFNAME'
  done
}

@test "an unknown command is refused" {
  run call FOO <<<"$(conf)"
  assert_error 4 'unknown CNI_COMMAND: FOO'
  run call add <<<"$(conf)"
  assert_error 4 'unknown CNI_COMMAND: add'
}

@test "stdin that is empty, no JSON object, followed by garbage, too deep or too long is refused" {
  for text in '' 'x' '[]' '5' '{"name":"a"} x' '{"name":"a",}' "$(printf '[%.0s' {1..5000})" '{"name":"\xff"}'; do
    run call ADD <<<"$text"
    assert_error 6 '.'
  done
  head -c 5000000 /dev/zero | tr '\0' ' ' >"$BATS_TEST_TMPDIR/long"
  run call ADD <"$BATS_TEST_TMPDIR/long"
  assert_error 5 'stdin'
}

@test "stdin that cannot be read is an error" {
  run call ADD <"$BATS_TEST_TMPDIR"
  assert_error 5 'stdin'
}

@test "invalid network names are refused" {
  run call ADD <<<'{"type":"flannel"}'
  assert_error 7 "missing network name"
  for name in .. a/b ' a' -x; do
    run call ADD <<<"$(conf "{\"name\":\"$name\"}")"
    assert_error 7 "invalid characters in network name"
  done
  run call ADD <<<'{"name":5}'
  assert_error 6 "'name' must be a string"
}

@test "an absent version is 0.1.0, an unsupported one is named, CHECK and GC need their first version" {
  run call ADD <<<"$(conf '{"cniVersion":"9.9.9"}')"
  assert_error 1 'config is "9.9.9", plugin supports \[0.1.0'
  run call ADD <<<"$(conf '{"cniVersion":5}')"
  assert_error 6 'cniVersion'
  run call CHECK <<<"$(conf '{"cniVersion":"0.3.1"}')"
  assert_error 1 'CHECK'
  for verb in GC STATUS; do
    run call $verb <<<"$(conf '{"cniVersion":"1.0.0"}')"
    assert_error 1 "$verb"
    run call $verb <<<"$(conf '{"cniVersion":"x"}')"
    assert_error 6 "version"
  done
  run call CHECK <<<"$(conf '{"cniVersion":"2.0.0"}')"
  assert_error 1 '2.0.0'
}

@test "an error object has the configuration's version" {
  run call ADD CNI_NETNS=/none <<<"$(conf '{"cniVersion":"0.4.0"}')"
  assert_json "$output" '.cniVersion == "0.4.0"'
}

@test "the host's own namespace is refused before anything is touched; DEL does without it" {
  local before
  before=$(node_state)
  for verb in ADD CHECK; do
    run call $verb CNI_NETNS=/proc/self/ns/net <<<"$(conf)"
    assert_error 8 "own network namespace"
  done
  run call DEL CNI_NETNS=/proc/self/ns/net <<<"$(conf)"
  assert_equal "$status$output" 0
  assert_equal "$(node_state)" "$before"
}

@test "ADD refuses a path that is absent, a file, a FIFO, a directory or another kind of namespace" {
  local before
  node_exec bash -c 'mkdir -p /run/bad && touch /run/bad/file && mkfifo /run/bad/fifo'
  before=$(node_state)
  for path in /run/bad/none /run/bad/file /run/bad/fifo /run/bad /proc/1/ns/mnt; do
    run call ADD "CNI_NETNS=$path" <<<"$(conf)"
    assert_error 8 "$path"
  done
  assert_equal "$(node_state)" "$before"
}

@test "malformed and unknown CNI_ARGS are refused" {
  for args in 'X' 'A=b;' 'FOO=bar' 'IP=1.2.3' 'MAC=zz;IgnoreUnknown=1'; do
    run call ADD "CNI_ARGS=$args" <<<"$(conf)"
    [[ $status -eq 1 ]] || fail "accepted: $args"
    assert_json "$output" '.code == 4 or .code == 7'
  done
}

@test "when the result cannot be written ADD fails and leaves nothing" {
  local before
  before=$(node_state)
  node_exec mkfifo /run/fifo
  # A disk that is full; a pipe whose reader, the runtime, is gone.
  local target
  for target in '>/dev/full' '4<>/run/fifo >/run/fifo 4<&-'; do
    run node_exec env -i CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/pod CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
      bash -c "exec /opt/cni/bin/flannel $target" <<<"$(conf)"
    assert_equal "$status" 1
    node_exec ip link del cni0
    assert_equal "$(node_state)" "$before"
  done
}
