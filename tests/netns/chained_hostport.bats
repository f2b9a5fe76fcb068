# The plugin `portmap` behind flannel: ports of the node lead to pods, from everywhere, and to one pod each.

load ../support/flannel_test.bash

# A node with a client outside: 192.0.2.1 and 2001:db8::1 are the node's, .2 and ::2 the client's.
setup() {
  cni_node_start host-local
  node_exec ln -s flannel /opt/cni/bin/portmap
  node_exec ln -s /usr/lib/cni/portmap /opt/cni/bin/reference
  dual_stack
  pod_add outside
  node_exec bash -euc 'sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    ip link add uplink type veth peer name eth0 netns outside
    ip addr add 192.0.2.1/24 dev uplink; ip addr add 2001:db8::1/64 dev uplink nodad; ip link set uplink up
    ip -n outside addr add 192.0.2.2/24 dev eth0; ip -n outside addr add 2001:db8::2/64 dev eth0 nodad
    ip -n outside link set eth0 up'
  rootfs_make
}

# pod_new NAME: a pod c-NAME of flannel, whose result is in the node's /run/NAME.json.
pod_new() {
  pod_add "$1"
  flannel ADD "c-$1" "$1" "$(conf '{"cniVersion": "1.0.0"}')" | node_exec bash -c 'cat >"/run/$1.json"' bash "$1"
}

# ports PROGRAM VERB POD JSON: portmap for that pod, with these keys beside the usual ones.
ports() {
  plugin_env "$1" "CNI_COMMAND=$2" "CNI_CONTAINERID=c-$3" "CNI_NETNS=/run/netns/$3" CNI_IFNAME=eth0 \
    CNI_PATH=/opt/cni/bin <<<"$(jq -c --argjson more "$4" --argjson result "$(node_exec cat "/run/$3.json")" \
      '{name: "cbr0", cniVersion: "1.0.0", type: "portmap", prevResult: $result} + $more' <<<'{}')"
}

# map HOST_PORT [PROTOCOL] [HOST_IP]: what leads that port to port 80 of the pod.
map() {
  jq -nc --argjson port "$1" --arg protocol "${2-tcp}" --arg ip "${3-}" \
    '{runtimeConfig: {portMappings: [{hostPort: $port, containerPort: 80, protocol: $protocol, hostIP: $ip}]}}'
}

# rules [WORD]: what the tables of host ports have of pods, with that word.
rules() {
  node_exec bash -c 'nft list table ip cni_hostport; nft list table ip6 cni_hostport' 2>/dev/null | grep comment | grep -v '"CNI portmap' |
    grep -F "${1-}" || true
}

# serve_client POD: a web server whose page cgi-bin/client is the address of who asks.
serve_client() {
  node_exec bash -c 'mkdir -p /run/rootfs/www/cgi-bin; printf "#!/bin/sh\necho; echo \$REMOTE_ADDR\n" >/run/rootfs/www/cgi-bin/client
    chmod +x /run/rootfs/www/cgi-bin/client; ln -sf busybox /run/rootfs/bin/echo'
  web_serve "$1" 80
}

@test "a page through a host port: from outside, the node, the pod itself and another, over both families" {
  pod_new web
  pod_new other
  serve_client web
  assert_equal "$(ports portmap ADD web "$(map 8080)" | jq -S 'del(.dns)')" "$(node_exec cat /run/web.json | jq -S 'del(.dns)')"
  ports portmap CHECK web "$(map 8080)"
  local client address
  for client in outside node web other; do
    for address in 192.0.2.1 '[2001:db8::1]'; do
      assert_match "$(web_fetch "$client" "http://$address:8080/")" "hello from a pod" "from $client by $address"
    done
  done
  assert_match "$(web_fetch node http://127.0.0.1:8080/)" "hello from a pod"
  assert_match "$(web_fetch other http://10.244.1.1:8080/)" "hello from a pod"
  # The pod sees who it is, but for itself and the node's loopback.
  assert_match "$(web_fetch outside http://192.0.2.1:8080/cgi-bin/client)" "192.0.2.2"
  assert_match "$(web_fetch outside 'http://[2001:db8::1]:8080/cgi-bin/client')" "2001:db8::2"
  assert_match "$(web_fetch web http://192.0.2.1:8080/cgi-bin/client)" "10.244.1.1"

  node_exec nft flush chain ip cni_hostport prerouting
  run ports portmap CHECK web "$(map 8080)"
  assert_error 102 "no packet comes to the host ports of 10.244.1.2"
  ports portmap ADD other "$(map 8081)" >/dev/null
  ports portmap CHECK web "$(map 8080)"
  ports portmap DEL other '{}'

  # A port of the node, not of what lies behind it.
  web_misses outside http://10.244.1.3:8080/
  ports portmap DEL web '{}'
  assert_empty "$(rules)" "rules"
  web_misses outside http://192.0.2.1:8080/
  run ports portmap CHECK web "$(map 8080)"
  assert_error 102 "0 of the pod's 1 host ports lead to 10.244.1.2"
  ports portmap DEL web '{}'
}

@test "masqAll, hostIP, snat off and conditions" {
  pod_new web
  serve_client web
  ports portmap ADD web "$(map 8080 | jq -c '. + {masqAll: true}')" >/dev/null
  assert_match "$(web_fetch outside http://192.0.2.1:8080/cgi-bin/client)" "10.244.1.1"
  ports portmap ADD web "$(map 8081 tcp 192.0.2.1)" >/dev/null # in the place of the first
  assert_equal "$(rules dnat | wc -l)" 1
  web_fetch outside http://192.0.2.1:8081/ >/dev/null
  web_misses node http://127.0.0.1:8081/
  web_misses outside 'http://[2001:db8::1]:8081/'
  ports portmap DEL web '{}'
  ports portmap ADD web "$(map 8080 | jq -c '. + {snat: false}')" >/dev/null
  web_fetch outside http://192.0.2.1:8080/ >/dev/null
  assert_empty "$(rules masquerade)" "masquerading"
  local condition
  for condition in '["!", "-s", "192.0.2.0/24"]' '["ip saddr != 192.0.2.2"]' '["-i", "cni+"]' '["iifname", "!=", "\"up*\""]'; do
    ports portmap ADD web "$(map 8080 | jq -c --argjson c "$condition" '. + {conditionsV4: $c}')" >/dev/null
    web_misses outside http://192.0.2.1:8080/
    web_fetch outside 'http://[2001:db8::1]:8080/' >/dev/null
  done
  ports portmap ADD web "$(map 8080 | jq -c '. + {conditionsV4: ["-s", "192.0.2.0/24", "-i", "up+"], backend: "iptables", markMasqBit: 5}')" >/dev/null
  web_fetch outside http://192.0.2.1:8080/ >/dev/null
}

@test "a port that a pod holds is refused with its name, on another address it is not, and a dead pod's is free" {
  pod_new web
  pod_new other
  ports portmap ADD web "$(map 8080)" >/dev/null
  run ports portmap ADD other "$(map 8080)"
  assert_error 101 "tcp port 8080 of the node leads to container 'c-web' already; its address is 10.244.1.2"
  assert_empty "$(rules c-other)" "rules of the refused pod"
  node_exec bash -c 'mkdir -p /var/lib/cni/results
    echo "{\"cniArgs\": [[\"K8S_POD_NAMESPACE\", \"default\"], [\"K8S_POD_NAME\", \"web-0\"]]}" >/var/lib/cni/results/cbr0-c-web-eth0'
  run ports portmap ADD other "$(map 8080 tcp 192.0.2.1)"
  assert_error 101 "leads to pod 'default/web-0' \(container 'c-web'\) already"
  ports portmap ADD other "$(map 8080 udp)" >/dev/null
  ports portmap DEL web '{}'
  ports portmap ADD web "$(map 8080 tcp 192.0.2.1)" >/dev/null
  ports portmap ADD other "$(map 8080 tcp 10.244.1.1)" >/dev/null

  # Whose namespace died without DEL: neither a lease nor a kept result tells of it.
  ports portmap DEL other '{}'
  flannel DEL c-web web "$(conf)"
  node_exec rm /var/lib/cni/results/cbr0-c-web-eth0
  assert_match "$(rules c-web)" 8080
  ports portmap ADD other "$(map 8080)" >/dev/null
  assert_empty "$(rules c-web | grep dnat)" "what led to the dead pod"
}

@test "a second network of a pod takes neither the ports of the first when it comes nor when it goes" {
  pod_new web
  serve_client web
  local second
  second=$(node_exec sed 's/10\.244\.1\.2/10.244.9.2/' /run/web.json | jq -c '{name: "net2", prevResult: .}')
  ports portmap ADD web "$(map 8080 udp)" >/dev/null
  ports portmap ADD web "$(map 8080)" >/dev/null
  ports portmap ADD web "$(map 8080 | jq -c --argjson second "$second" '. + $second')" >/dev/null
  # One that was cut short, and comes again.
  ports portmap ADD web "$(map 8080 | jq -c --argjson second "$second" '. + $second')" >/dev/null
  assert_equal "$(rules 'dnat to 10.' | grep -o 'to [0-9.]*' | xargs)" "to 10.244.1.2 to 10.244.9.2"
  ports portmap CHECK web "$(map 8080)"
  ports portmap DEL web "$second"
  ports portmap CHECK web "$(map 8080)"
  assert_match "$(web_fetch outside http://192.0.2.1:8080/)" "hello from a pod"
  ports portmap DEL web '{}'
  assert_empty "$(rules)" "rules"
}

@test "of pods that open one port at once, one has it" {
  local i
  for i in 1 2 3 4; do pod_new "p$i"; done
  local -a calls
  for i in 1 2 3 4; do
    ports portmap ADD "p$i" "$(map 8080)" >"$BATS_TEST_TMPDIR/$i" 3>&- &
    calls+=($!)
  done
  wait "${calls[@]}" || true
  (($(rules dnat | wc -l) <= 2)) || fail "$(rules)" # one in each family, or none when all gave up
  assert_equal "$(rules dnat | grep -o 'c-p[1-4]' | sort -u | wc -l)" "$(cat "$BATS_TEST_TMPDIR"/[1-4] | jq -s '[.[] | select(.code == null)] | length')"
}

@test "what cannot be is refused by name" {
  pod_new web
  local code text config
  while IFS='|' read -r code text config; do
    run ports portmap ADD web "$config"
    assert_error "$code" "$text"
  done <<'CONFIGS'
7|Invalid host port number: 0|{"runtimeConfig": {"portMappings": [{"hostPort": 0, "containerPort": 80, "protocol": "tcp"}]}}
7|Invalid container port number: 70000|{"runtimeConfig": {"portMappings": [{"hostPort": 80, "containerPort": 70000, "protocol": "tcp"}]}}
7|protocol 'icmp' is none of tcp, udp and sctp|{"runtimeConfig": {"portMappings": [{"hostPort": 80, "containerPort": 80, "protocol": "icmp"}]}}
7|hostIP 'here' is no address|{"runtimeConfig": {"portMappings": [{"hostPort": 80, "containerPort": 80, "hostIP": "here"}]}}
6|portMappings|{"runtimeConfig": {"portMappings": {"hostPort": 80}}}
7|MasqMarkBit must be between 0 and 31|{"markMasqBit": 32}
7|Cannot specify externalSetMarkChain and markMasqBit|{"markMasqBit": 3, "externalSetMarkChain": "X"}
7|unrecognized backend 'ebpf'|{"backend": "ebpf"}
2|'-p' is not understood|{"conditionsV4": ["-p", "tcp"]}
7|ends where a value should follow|{"conditionsV4": ["-s"]}
7|must be called as chained plugin|{"prevResult": null}
CONFIGS
  assert_equal "$(ports portmap ADD web '{}' | jq -S .)" "$(node_exec cat /run/web.json | jq -S .)"
  ports portmap STATUS web '{"cniVersion": "1.1.0"}'
}

# counted NAME: the packets that a counter of table `ip count` has seen there: counted node|POD.
counted() {
  local run=(pod_exec "$1")
  [[ $1 == node ]] && run=(node_exec)
  "${run[@]}" nft -j list chain ip count in | jq '[.. | .counter? // empty | .packets] | add'
}

# count node|POD PORT: begins to count the UDP packets to that port, from 0.
count() {
  local run=(pod_exec "$1")
  [[ $1 == node ]] && run=(node_exec)
  "${run[@]}" nft "add table ip count; flush table ip count; add chain ip count in { type filter hook input priority 0; }
    add rule ip count in udp dport $2 counter"
}

# more_than COUNT node|POD
more_than() {
  (($(counted "$2") > $1))
}

@test "UDP that flows is led to the pod when its port opens, and to the node again when that closes" {
  pod_new web
  pod_new other
  ports portmap ADD other "$(map 9999)" >/dev/null # from now on the kernel tracks connections
  count node 8080
  count web 80
  pod_exec outside bash -c 'exec setsid --fork bash -c "exec 4<>/dev/udp/192.0.2.1/8080
    while sleep 0.01; do echo x >&4; done" </dev/null >/dev/null 2>&1 3>&-'
  wait_until 3 more_than 3 node
  ports portmap ADD web "$(map 8080 udp)" >/dev/null
  wait_until 2 more_than 3 web
  ports portmap DEL web '{}'
  count node 8080
  wait_until 2 more_than 3 node
}

# iptables_is nft|legacy: which variant the reference finds.
iptables_is() {
  node_exec bash -c 'mkdir -p /run/bin
    for tool in iptables ip6tables; do ln -sf "$(command -v "$tool-$1")" "/run/bin/$tool"; done' bash "$1"
}

@test "GC closes what dead pods, also of the reference, have left, and keeps the others'" {
  pod_new web
  pod_new other
  ports portmap ADD web "$(map 8080)" >/dev/null
  ports portmap ADD other "$(map 8081)" >/dev/null
  iptables_is nft
  reference_add web "$(map 8082)"
  reference_add other "$(map 8083)"
  flannel DEL c-web web "$(conf)"
  ports portmap GC other '{"cniVersion": "1.1.0", "cni.dev/valid-attachments": [{"containerID": "c-other", "ifname": "eth0"}]}'
  assert_empty "$(rules c-web)" "rules of the dead pod"
  assert_match "$(rules c-other)" 8081
  assert_empty "$(node_exec iptables-save -t nat | grep -e 8082)" "the reference's rules of the dead pod"
  assert_match "$(node_exec iptables-save -t nat)" 8083
  # Another network's GC knows nothing of this one's pods.
  ports portmap GC other '{"cniVersion": "1.1.0", "name": "othernet", "cni.dev/valid-attachments": []}'
  assert_match "$(rules c-other)" 8081
  assert_match "$(node_exec iptables-save -t nat)" 8083
}

@test "DEL removes what the reference made by iptables, of either variant, without its configuration" {
  pod_new web
  pod_new other
  local variant
  for variant in nft legacy; do
    iptables_is "$variant"
    for pod in web other; do reference_add "$pod" "$(map 8080)"; done
    assert_match "$(node_exec "iptables-$variant-save" -t nat)" "8080.*CNI-DN-"
    ports portmap DEL web '{}'
    assert_equal "$(node_exec "iptables-$variant-save" -t nat | grep -c '^:CNI-DN-')" 1
    assert_equal "$(node_exec "ip6tables-$variant-save" -t nat | grep -c '^:CNI-DN-')" 1
    ports portmap DEL other '{}'
    assert_empty "$(node_exec "iptables-$variant-save" -t nat | grep CNI-DN-)" "chains of pods"
  done
}

# reference_add POD JSON: by the reference, whose iptables is the one in /run/bin.
reference_add() {
  node_exec env -i PATH=/run/bin:/usr/sbin:/usr/bin:/sbin:/bin CNI_COMMAND=ADD "CNI_CONTAINERID=c-$1" "CNI_NETNS=/run/netns/$1" \
    CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin /opt/cni/bin/reference >/dev/null <<<"$(jq -c --argjson more "$2" \
      --argjson result "$(node_exec cat "/run/$1.json")" '{name: "cbr0", cniVersion: "1.0.0", type: "portmap", prevResult: $result} + $more' <<<'{}')"
}

# In Python: a socket of SCTP.
sctp='import socket, sys
def sctp(family): return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
'

# sctp_ask ADDRESS...: what is said from outside at port 8080 of each, or why nothing is, one a line.
sctp_ask() {
  pod_exec outside python3 -ISc "$sctp"'
for host in sys.argv[1:]:
  client = sctp(socket.AF_INET6 if ":" in host else socket.AF_INET)
  client.settimeout(3)
  try:
    client.connect((host, 8080))
    print(client.recv(99).decode())
  except OSError as error: print(error)' "$@"
}

# bats test_tags=vm
@test "SCTP through a host port from outside, over both families, and no more after DEL" {
  node_exec python3 -ISc "${sctp}sctp(socket.AF_INET)" 2>/dev/null || skip "the kernel has no SCTP"
  pod_new web
  node_spawn sctp.log nsenter --net=/run/netns/web python3 -ISuc "$sctp"'
server = sctp(socket.AF_INET6)
server.bind(("::", 80))
server.listen()
print("listens")
while True:
  client, peer = server.accept()
  client.send(peer[0].encode())
  client.close()'
  ports portmap ADD web "$(map 8080 sctp)" >/dev/null
  wait_until 10 node_exec grep -q listens /run/sctp.log
  assert_equal "$(sctp_ask 192.0.2.1 2001:db8::1 | xargs)" "::ffff:192.0.2.2 2001:db8::2"
  ports portmap DEL web '{}'
  assert_equal "$(sctp_ask 192.0.2.1 2001:db8::1 | grep -c refused)" 2
}
