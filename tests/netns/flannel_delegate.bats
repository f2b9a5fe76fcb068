#!/usr/bin/env bats
# Delegates and IPAM plugins that are programs of others: what they get, and what their failures become.

load ../support/flannel_test.bash
load ../support/spy.bash

setup() {
  cni_node_start
  pod_add pod
  spy_install spy
}

spy_conf() {
  conf "$(jq -nc --argjson more "${1-"{}"}" '{delegate:{type:"spy"}} * $more')"
}

@test "a delegate gets the rendered configuration, all variables, and its answer is ours" {
  spy_does ADD <<<'echo "{\"cniVersion\":\"1.1.0\",\"extra\":{\"kept\":1},\"ips\":[]}"'
  run flannel ADD c1 pod "$(spy_conf)" eth0 "CNI_ARGS=A=b"
  assert_equal "$status" 0
  assert_json "$output" '.extra.kept == 1'
  assert_equal "$(node_exec cat /run/spy/calls)" "ADD c1 eth0 A=b"
  assert_json "$(node_exec cat /run/spy/ADD.json)" '.name == "cbr0" and .type == "spy" and .mtu == 1450 and .ipMasq == false
    and (has("isGateway") | not) and .ipam.ranges == [[{"subnet":"10.244.1.0/24"}]] and .cniVersion == "1.1.0"'
  local stored
  stored=$(node_exec cat /var/lib/cni/flannel/c1)
  node_exec rm /run/flannel/subnet.env
  flannel DEL c1 pod "$(conf '{"delegate":{"type":"changed"}}')"
  assert_equal "$(node_exec cat /run/spy/DEL.json)" "$stored"
  assert_empty "$(node_exec ls -A /var/lib/cni/flannel)" "scratch files"
}

@test "CHECK, STATUS and GC are forwarded, their errors unchanged" {
  spy_does ADD <<<'echo "{\"ips\":[]}"'
  flannel ADD c1 pod "$(spy_conf)"
  flannel CHECK c1 pod "$(with_result "$(spy_conf)" '{"cniVersion":"1.1.0"}')"
  assert_json "$(node_exec cat /run/spy/CHECK.json)" '.prevResult.cniVersion == "1.1.0" and .type == "spy"'
  flannel STATUS '' '' "$(spy_conf)"
  flannel GC '' '' "$(spy_conf '{"cni.dev/valid-attachments":[{"containerID":"c1","ifname":"eth0"}]}')"
  assert_json "$(node_exec cat /run/spy/GC.json)" '."cni.dev/valid-attachments"[0].containerID == "c1"'
  assert_equal "$(spy_calls)" "ADD CHECK STATUS GC"
  for verb in CHECK STATUS; do
    spy_does "$verb" <<<'echo "{\"code\":51,\"msg\":\"m\",\"details\":\"d\"}"; exit 1'
    run flannel "$verb" c1 pod "$(with_result "$(spy_conf)" '{"cniVersion":"1.1.0"}')"
    assert_error 51 'm; d'
  done
  flannel GC '' '' "$(spy_conf)"
  assert_equal "$(spy_calls)" "ADD CHECK STATUS GC CHECK STATUS DEL GC"
}

@test "a delegate that fails ADD gets DEL, and the scratch file goes" {
  spy_does ADD <<<'echo "{\"code\":112,\"msg\":\"no parent\"}"; exit 1'
  run flannel ADD c1 pod "$(spy_conf)"
  assert_error 112 "no parent"
  assert_equal "$(spy_calls)" "ADD DEL"
  assert_empty "$(node_exec ls -A /var/lib/cni/flannel)" "scratch files"
}

@test "a delegate that fails DEL is called again by the next DEL" {
  spy_does ADD <<<'echo "{\"ips\":[]}"'
  flannel ADD c1 pod "$(spy_conf)"
  spy_does DEL <<<'echo "{\"code\":5,\"msg\":\"busy\"}"; exit 1'
  run flannel DEL c1 pod "$(spy_conf)"
  assert_error 5 busy
  node_exec rm /run/spy/DEL.sh
  flannel DEL c1 pod "$(spy_conf)"
  assert_equal "$(spy_calls)" "ADD DEL DEL"
  flannel DEL c1 pod "$(spy_conf)"
  assert_equal "$(spy_calls)" "ADD DEL DEL"
}

@test "a delegate that is missing, has a bad name, prints rubbish, dies, is no program" {
  run flannel ADD c1 pod "$(conf '{"delegate":{"type":"absent"}}')"
  assert_error 7 'failed to find plugin "absent" in path \[/opt/cni/bin\]'
  run flannel ADD c1 pod "$(conf '{"delegate":{"type":"../spy"}}')"
  assert_error 7 'not a plain program name'
  spy_does ADD <<<'echo rubbish'
  run flannel ADD c1 pod "$(spy_conf)"
  assert_error 6 'rubbish'
  spy_does ADD <<<'echo rubbish; exit 3'
  run flannel ADD c1 pod "$(spy_conf)"
  assert_error 103 'status 3.*rubbish'
  spy_does ADD <<<'kill -9 $$'
  run flannel ADD c1 pod "$(spy_conf)"
  assert_error 103 'signal 9'
  node_exec bash -c 'echo x >/opt/cni/bin/noexec'
  run flannel ADD c1 pod "$(conf '{"delegate":{"type":"noexec"}}')"
  assert_error 103 'Permission denied'
  assert_empty "$(node_exec find /var/lib/cni -type f)" "files"
}

@test "another IPAM plugin: called with all of the configuration, undone when a later step fails" {
  local config
  spy_does ADD <<<'echo "{\"cniVersion\":\"1.1.0\",\"ips\":[{\"address\":\"10.244.1.77/24\"}],\"routes\":[{\"dst\":\"198.51.100.0/24\"}]}"'
  config=$(conf '{"ipam":{"type":"spy","pool":"x"}}')
  run flannel ADD c1 pod "$config"
  assert_json "$output" '.ips[0].address == "10.244.1.77/24" and .ips[0].gateway == "10.244.1.1" and .routes[1].gw == "10.244.1.1"'
  assert_json "$(node_exec cat /run/spy/ADD.json)" '.ipam.pool == "x" and .type == "bridge"'
  flannel CHECK c1 pod "$(with_result "$config" "$output")"
  flannel DEL c1 pod "$config"
  assert_equal "$(spy_calls)" "ADD CHECK DEL"
  node_exec rm /run/spy/calls
  spy_does ADD <<<'echo "{\"cniVersion\":\"1.1.0\",\"ips\":[]}"'
  run flannel ADD c1 pod "$config"
  assert_error 103 'no IP address'
  spy_does ADD <<<'echo "{\"code\":11,\"msg\":\"later\"}"; exit 1'
  run flannel ADD c1 pod "$config"
  assert_error 11 'later'
  spy_does ADD <<<'echo "{\"cniVersion\":\"1.1.0\",\"ips\":[{\"address\":\"10.244.1.300/24\"}]}"'
  run flannel ADD c1 pod "$config"
  assert_error 6 '10.244.1.300/24'
  assert_equal "$(spy_calls)" "ADD DEL ADD DEL ADD DEL"
  assert_empty "$(leftovers)" leftovers
}

@test "DEL keeps the scratch file while the IPAM plugin fails" {
  local config
  spy_does ADD <<<'echo "{\"cniVersion\":\"1.1.0\",\"ips\":[{\"address\":\"10.244.1.77/24\"}]}"'
  config=$(conf '{"ipam":{"type":"spy"}}')
  flannel ADD c1 pod "$config"
  node_exec mv /opt/cni/bin/spy /run/spy/away
  run flannel DEL c1 pod "$config"
  assert_error 7 'failed to find plugin "spy"'
  assert_equal "$(node_exec ls /var/lib/cni/flannel)" c1
  node_exec mv /run/spy/away /opt/cni/bin/spy
  flannel DEL c1 pod "$config"
  assert_empty "$(leftovers)" leftovers
}

@test "host-local: that program if CNI_PATH has it, else ours, in the same store" {
  local config
  config=$(conf '{"ipam":{"type":"host-local"},"cniVersion":"1.0.0"}')
  run flannel ADD c1 pod "$config"
  assert_json "$output" '.ips[0].address == "10.244.1.2/24"'
  pod_add pod2
  node_exec mkdir /run/onlyours
  node_exec cp /opt/cni/bin/flannel /run/onlyours
  PLUGIN_PATH=/run/onlyours run flannel ADD c2 pod2 "$config"
  assert_json "$output" '.ips[0].address == "10.244.1.3/24"'
  flannel DEL c1 pod "$config"
  flannel DEL c2 pod2 "$config"
  assert_empty "$(leftovers)" leftovers
}

@test "hostile scratch files: rubbish, links, another network's name with a path in it" {
  node_exec bash -c 'mkdir -p /var/lib/cni/flannel /run/victim; echo x >/run/victim/10.244.1.9
    echo "{\"name\":\"../../../run/victim\",\"type\":\"bridge\",\"ipam\":{\"type\":\"host-local\",\"dataDir\":\"/var/lib/cni/networks\"}}" >/var/lib/cni/flannel/c1:eth0
    ln -s /etc/passwd /var/lib/cni/flannel/c2; mkfifo /var/lib/cni/flannel/c3; mkdir /var/lib/cni/flannel/c4
    head -c 5000000 /dev/zero >/var/lib/cni/flannel/c5:eth0'
  for i in 1 2 3 4 5; do
    run flannel DEL "c$i" pod "$(conf)"
    assert_equal "$status$output" 0
  done
  node_exec test -e /run/victim/10.244.1.9
}

@test "an IPAM plugin that is missing, prints rubbish, half an answer, nothing, too much, or dies: nothing stays" {
  local before config
  config=$(conf '{"ipam":{"type":"spy"}}')
  flannel STATUS '' '' "$config"
  node_exec rm /run/spy/calls
  before=$(node_state)
  run flannel ADD c1 pod "$(conf '{"ipam":{"type":"absent"}}')"
  assert_error 7 'failed to find plugin "absent"'
  # fails_when CODE REGEX <what the plugin does
  fails_when() {
    spy_does ADD
    run flannel ADD c1 pod "$config"
    assert_error "$1" "$2"
    assert_equal "$(node_state)" "$before"
  }
  fails_when 6 rubbish <<<'echo rubbish'
  fails_when 6 'ips' <<<'printf "{\"ips\":[{"'
  fails_when 103 'no IP address' <<<'exit 0'
  fails_when 103 'printed nothing' <<<'exit 7'
  fails_when 103 'too large|too long' <<<'exec head -c 5000000 /dev/zero'
  fails_when 103 'signal 11' <<<'kill -SEGV $$'
  fails_when 103 'signal 9' <<<'exec <&-; echo "{"; kill -9 $$'
  # Each of those was asked to clean up.
  assert_equal "$(node_exec grep -c ^DEL /run/spy/calls)" 7
}

@test "an IPAM plugin that hangs: it is ended when its time is up, or with flannel" {
  local config
  config=$(conf '{"ipam":{"type":"spy"}}')
  spy_does ADD <<<'exec sleep 1000'
  if ! is_sanitized; then
    # Time is up at once: the first poll says so.
    run node_exec env CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/pod CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
      strace -qqq -o /dev/null -e inject=poll:retval=0:when=1 /opt/cni/bin/flannel <<<"$config"
    assert_error 11 'timed out'
    assert_empty "$(node_exec pgrep -x sleep -a | grep 1000)" processes
    assert_empty "$(leftovers)" leftovers
  fi
  # The runtime's patience ends first: it kills flannel, and calls DEL.
  node_exec rm -f /run/spy/calls
  conf_write hang.conf <<<"$config"
  node_exec env CNI_COMMAND=ADD CNI_CONTAINERID=c1 CNI_NETNS=/run/netns/pod CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin \
    bash -c '/opt/cni/bin/flannel <"$0" & pid=$!
      until pgrep -f "^sleep 1000"; do sleep 0.05; done
      kill -KILL $pid
      while pgrep -f "^sleep 1000"; do sleep 0.05; done' "$NODE_DIR/hang.conf"
  flannel DEL c1 pod "$config"
  assert_equal "$(spy_calls)" "ADD DEL"
  assert_empty "$(leftovers)" leftovers
}
