# How flanneld reaches etcd: users, TLS, several members, and servers that are none.

load ../support/flanneld_test.bash

prefix=/coreos.com/network
config='{"Network": "10.5.0.0/16", "SubnetMin": "10.5.200.0", "Backend": {"Type": "vxlan"}}'

setup() {
  cluster_start
  host_with_plugins a 192.168.1.10/24
}

# member HOST NUMBER PEERS [flag...]: a host with an etcd member.
member() {
  host_add "$1" "192.168.1.$2/24"
  on "$1" etcd_start "$1" "192.168.1.$2" "${@:3}"
}

# put_peer HOST NUMBER: another node's lease, 10.5.NUMBER.0/24.
put_peer() {
  on "$1" etcd_ctl put "$prefix/subnets/10.5.$2.0-24" \
    '{"PublicIP":"192.168.1.'"$2"'","PublicIPv6":null,"BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:'"$(printf %02x "$2")"'"}}' >/dev/null
}

route_is_there() {
  [[ -n $(on a node_exec ip route show "10.5.$1.0/24") ]]
}

log_has() {
  on a node_exec grep -qE "$1" /run/flanneld.log
}

@test "user and password are used, renewed after a restart of etcd, never logged; a wrong one is reported" {
  local word=Sup3rSecret
  member m1 101 m1=http://192.168.1.101:2380
  wait_until 20 on m1 etcd_answers
  on m1 etcd_ctl put "$prefix/config" "$config" >/dev/null
  on m1 node_exec bash -ec 'export ETCDCTL_API=3
    etcdctl user add "root:$1"; etcdctl user grant-role root root; etcdctl auth enable' bash "$word" >/dev/null
  on a flanneld_start --etcd-endpoints http://192.168.1.101:2379 --etcd-username root --etcd-password wrong-word
  wait_until 5 log_has "authenticate as 'root': .*(invalid user ID or password|authentication failed)"
  on a flanneld_stop
  on a flanneld_start --etcd-endpoints http://192.168.1.101:2379 --etcd-username root --etcd-password "$word"
  on a flanneld_wait_ready
  on m1 node_exec bash -c 'kill -9 "$(cat /run/etcd.pid)"'
  wait_until 10 log_has "etcd does not serve"
  on m1 etcd_start m1 192.168.1.101 m1=http://192.168.1.101:2380
  wait_until 20 log_has "answers again"
  on m1 node_exec env ETCDCTL_API=3 ETCDCTL_USER="root:$word" etcdctl put "$prefix/subnets/10.5.30.0-24" \
    '{"PublicIP":"192.168.1.30","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"c6:d2:32:6f:8f:44"}}' >/dev/null
  wait_until 10 route_is_there 30
  run ! log_has "$word"
}

# etcd_begin: a member on m1 that speaks TLS only.
etcd_begin() {
  on m1 node_spawn etcd.log bash -c 'echo $$ >/run/etcd.pid; exec etcd --name m1 --data-dir /run/etcd --log-level error \
    --listen-client-urls https://192.168.1.101:2379 --advertise-client-urls https://192.168.1.101:2379 \
    --client-cert-auth --trusted-ca-file /run/tls/ca.pem --cert-file /run/tls/server.pem --key-file /run/tls/server.key'
}

# ready_but REGEX: pods can be made, and that is wrong nevertheless.
ready_but() {
  [[ $(on a status_get /readyz) =~ "flanneld is ready".*"but ".*$1 ]]
}

@test "TLS works with a client certificate; another authority or an expired certificate is refused with a reason" {
  on a node_exec bash -ec 'mkdir /run/tls && cd /run/tls
    authority() { openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem"; }
    signed() {
      openssl req -newkey rsa:2048 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
      openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out "$1.pem" \
        -extfile <(printf "subjectAltName=IP:192.168.1.101,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth")
    }
    authority ca; authority other; signed server; signed client
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 0 -out expired.pem -extfile <(printf "subjectAltName=IP:192.168.1.101")' 2>/dev/null
  host_add m1 192.168.1.101/24
  on a node_exec tar -C /run -c tls | on m1 node_exec tar -C /run -x
  etcd_begin
  local ctl=(env ETCDCTL_API=3 etcdctl --endpoints https://192.168.1.101:2379 --cacert /run/tls/ca.pem
    --cert /run/tls/client.pem --key /run/tls/client.key)
  wait_until 20 on m1 node_exec "${ctl[@]}" put "$prefix/config" "$config" >/dev/null
  local flags=(--etcd-endpoints https://192.168.1.101:2379 --etcd-certfile /run/tls/client.pem --etcd-keyfile /run/tls/client.key)
  on a flanneld_start "${flags[@]}" --etcd-cafile /run/tls/other.pem
  wait_until 5 log_has "etcd does not serve: https://192.168.1.101:2379: .*certificate"
  on a flanneld_stop
  on a flanneld_start "${flags[@]}" --etcd-cafile /run/tls/ca.pem
  on a flanneld_wait_ready
  assert_match "$(on m1 node_exec "${ctl[@]}" get --prefix "$prefix/subnets/")" 192.168.1.10

  # The server's certificate expires while the agent runs: it says so, keeps the data path, and goes on with a new one.
  on m1 node_exec bash -ec 'cd /run/tls; cp server.pem good.pem; cp expired.pem server.pem; kill -9 "$(cat /run/etcd.pid)"'
  etcd_begin
  wait_until 15 ready_but "etcd does not serve: https://192.168.1.101:2379: .*certificate"
  on m1 node_exec cp /run/tls/good.pem /run/tls/server.pem # etcd reads it for each connection
  wait_until 15 log_has "answers again"
}

# watched: the member that host a has its connections with.
watched() {
  on a node_exec ss -Htn state established dport = :2379 | awk '{ sub(/^.*\./, "", $4); print "m" substr($4, 3, 1); exit }'
}

@test "of three members the others are used when one is frozen, then one dead" {
  local peers=m1=http://192.168.1.101:2380,m2=http://192.168.1.102:2380,m3=http://192.168.1.103:2380
  member m1 101 "$peers"
  member m2 102 "$peers"
  member m3 103 "$peers"
  wait_until 30 on m3 etcd_answers
  on m3 etcd_ctl put "$prefix/config" "$config" >/dev/null
  on a flanneld_start --etcd-endpoints http://192.168.1.101:2379,http://192.168.1.102:2379,http://192.168.1.103:2379
  on a flanneld_wait_ready
  put_peer m3 30
  wait_until 5 route_is_there 30
  local first second third
  first=$(watched) # an agent begins with any of them, and goes on in turn
  case $first in
    m1) second=m2 third=m3 ;;
    m2) second=m3 third=m1 ;;
    m3) second=m1 third=m2 ;;
    *) fail "no member is watched: '$first'" ;;
  esac
  on "$first" node_exec bash -c 'kill -STOP "$(cat /run/etcd.pid)"'
  wait_until 10 put_peer "$third" 31
  wait_until 30 route_is_there 31 # it takes 14 s to notice, on an idle machine
  on "$first" node_exec bash -c 'kill -CONT "$(cat /run/etcd.pid)"'
  wait_until 10 on "$first" etcd_answers
  on "$second" node_exec bash -c 'kill -9 "$(cat /run/etcd.pid)"'
  wait_until 10 put_peer "$third" 32
  wait_until 15 route_is_there 32
}

# stall_watch: from now on the packets of this host's youngest connection to etcd are dropped, without a word.
stall_watch() {
  local port
  port=$(node_exec ss -Htnp state established dst 192.168.1.101 |
    sed -E 's/^[0-9]+ +[0-9]+ +[^ ]+:([0-9]+) .*fd=([0-9]+).*/\2 \1/' | sort -n | awk 'END { print $2 }')
  node_exec nft "add table ip stall; add chain ip stall in { type filter hook input priority 0; };
    add chain ip stall out { type filter hook output priority 0; };
    add rule ip stall in tcp dport $port counter drop; add rule ip stall out tcp sport $port drop"
}

@test "a watch whose connection is stalled without a word is noticed after 15 s, and nothing is missed" {
  member m1 101 m1=http://192.168.1.101:2380
  wait_until 20 on m1 etcd_answers
  on m1 etcd_ctl put "$prefix/config" "$config" >/dev/null
  on a flanneld_start --etcd-endpoints http://192.168.1.101:2379
  on a flanneld_wait_ready
  put_peer m1 30
  wait_until 5 route_is_there 30
  on a stall_watch
  put_peer m1 31
  wait_until 5 stall_has_dropped
  run ! route_is_there 31
  wait_until 25 route_is_there 31 # without a limit of its own the kernel takes 50 s
  run ! log_has "etcd does not serve"
}

stall_has_dropped() {
  (($(on a node_exec nft -j list chain ip stall in | jq '[.. | .counter? // empty | .packets] | add') > 0))
}

@test "servers that are no etcd or answer garbage are reported, and nothing breaks" {
  local answer
  for answer in '' 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nrubbish' 'HTTP/1.1 404 Not Found\r\nContent-Length: 19\r\n\r\n404 page not found\n' \
    'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"header": {"revi' 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'; do
    on a node_exec bash -c 'printf "$1" >/run/answer; busybox nc -ll -p 2379 -e cat /run/answer >/dev/null 2>&1 & echo $! >/run/nc.pid' bash "$answer"
    on a flanneld_start --etcd-endpoints http://127.0.0.1:2379
    wait_until 10 log_has "etcd does not serve: http://127.0.0.1:2379: ."
    assert_equal "$(on a status_get /healthz)" "flanneld is running"
    on a flanneld_stop
    on a node_exec bash -c 'kill "$(cat /run/nc.pid)" || true'
  done
}

@test "the servers are found by SRV records, later when the DNS is not there yet" {
  member m1 101 m1=http://192.168.1.101:2380
  wait_until 20 on m1 etcd_answers
  on m1 etcd_ctl put "$prefix/config" "$config" >/dev/null
  on a node_exec bash -euc 'echo "nameserver 127.0.0.1" >/run/resolv.conf; mount --bind /run/resolv.conf /etc/resolv.conf'
  on a flanneld_start --etcd-discovery-srv cluster.test
  wait_until 10 log_has "etcd does not serve: look up the SRV records of _etcd-client-ssl._tcp.cluster.test: "
  on a node_spawn dns.log perl "$repo/tests/support/dns.perl" 192.168.1.101
  on a flanneld_wait_ready
  assert_match "$(on a status_get /status)" "etcd at the servers in the DNS of cluster.test"
}
