# The plugin `bandwidth` behind flannel: the kernel is told what the reference tells it, and either takes back what the
# other has made.

load ../support/flannel_test.bash

setup() {
  cni_node_start host-local
  node_exec ln -s flannel /opt/cni/bin/bandwidth
  node_exec ln -s /usr/lib/cni/bandwidth /opt/cni/bin/reference
  pod_add pod
  RESULT=$(flannel ADD c1 pod "$(conf '{"cniVersion": "1.0.0"}')")
}

# chained PROGRAM VERB JSON [POD]: a call behind flannel, with these keys beside the usual ones.
chained() {
  plugin_env "$1" "CNI_COMMAND=$2" CNI_CONTAINERID=c1 "CNI_NETNS=/run/netns/${4:-pod}" CNI_IFNAME=eth0 \
    CNI_PATH=/opt/cni/bin <<<"$(jq -c --argjson more "$3" --argjson result "${RESULT:-null}" \
      '{name: "cbr0", cniVersion: "1.0.0", type: "bandwidth", prevResult: $result} + $more' <<<'{}')"
}

# links: the host's ends and IFBs.
links() {
  node_exec ip -o link | sed -nE 's/^[0-9]+: ((veth|bwp)[^@:]*).*/\1/p'
}

# queues: what the kernel has of them, without the numbers of links.
queues() {
  local link
  for link in $(links); do
    node_exec ip -o link show "$link" | grep -oE '<[^>]*>|mtu [0-9]+|qdisc [a-z]+|qlen [0-9]+'
    node_exec tc qdisc show dev "$link"
    node_exec tc filter show dev "$link" parent ffff: 2>/dev/null | grep -v -e index -e mirred -e "^\s*$" || true
  done
}

# queues_remove: the pair's, which no plugin takes from a pod that stays.
queues_remove() {
  local link
  for link in $(links); do
    node_exec bash -c 'tc qdisc del dev "$1" root; tc qdisc del dev "$1" ingress; true' bash "$link" 2>/dev/null
  done
}

limits='{"ingressRate": 8000000, "ingressBurst": 800000, "egressRate": 16000000, "egressBurst": 1600000}'

# answer JSON: it without the IFB's address, which is made up, and without what is empty.
answer() {
  jq -S 'del(.interfaces[] | select(.name | startswith("bwp")) | .mac) | del(.dns | select(. == {}))' <<<"$1"
}

@test "what the kernel is told is the reference's, and either checks and removes the other's" {
  local ours theirs more
  for more in "$limits" '{"runtimeConfig": {"bandwidth": {"ingressRate": 1000, "ingressBurst": 80000}}}' \
    '{"egressRate": 50000000000, "egressBurst": 80000000}'; do
    theirs=$(answer "$(chained reference ADD "$more")" && queues)
    chained bandwidth CHECK "$more"
    chained bandwidth DEL "$more"
    assert_empty "$(links | grep bwp)" "IFBs"
    queues_remove
    ours=$(answer "$(chained bandwidth ADD "$more")" && queues)
    assert_equal "$ours" "$theirs"
    chained reference CHECK "$more"
    chained reference DEL "$more"
    queues_remove
  done
}

@test "without limits prevResult passes; wrong ones and no prevResult are refused by name" {
  assert_equal "$(answer "$(chained bandwidth ADD '{}')")" "$(answer "$RESULT")"
  run chained bandwidth ADD '{"prevResult": null}'
  assert_error 7 "must be called as chained plugin"
  local more text
  while IFS='|' read -r more text; do
    run chained bandwidth ADD "$more"
    assert_error 7 "$text"
  done <<'LIMITS'
{"ingressRate": 8000}|if rate is set, burst must also be set
{"egressBurst": 8000}|if burst is set, rate must also be set
{"runtimeConfig": {"bandwidth": {"egressRate": 1, "egressBurst": 34359738360}}}|burst cannot be more than 4GB
{"ingressRate": -1, "ingressBurst": 1}|ingressRate
LIMITS
  run chained bandwidth ADD "$limits" gone
  assert_error 8 "does not exist"
  RESULT=$(jq 'del(.interfaces[1])' <<<"$RESULT")
  run chained bandwidth ADD "$limits"
  assert_error 101 "no veth peer of container interface found in host ns"
}

@test "ADD again after one that was killed works, CHECK sees what is gone, and DEL without anything succeeds" {
  chained bandwidth ADD "$limits" >/dev/null
  local before
  before=$(queues)
  chained bandwidth ADD "$limits" >/dev/null
  assert_equal "$(queues)" "$before"
  chained bandwidth CHECK "$limits"
  run chained bandwidth CHECK '{"ingressRate": 9000000, "ingressBurst": 800000}'
  assert_error 102 "does not limit the pod's incoming packets to 9000000 bit/s"
  node_exec tc qdisc del dev "$(links | grep bwp)" root
  run chained bandwidth CHECK "$limits"
  assert_error 102 "does not limit the pod's outgoing packets"
  chained bandwidth DEL '{}'
  chained bandwidth DEL '{}'
  run chained bandwidth CHECK "$limits"
  assert_error 102 "there is no link 'bwp"
}

# fetch_takes MIN MAX BYTES FROM TO: the milliseconds in which TO, pod or node, gets so many bytes from FROM.
fetch_takes() {
  local -A run=([pod]="pod_exec pod" [node]=node_exec) address=([pod]=10.244.1.2 [node]=10.244.1.1)
  local begun ms
  node_exec bash -c 'mkdir -p /run/www; truncate -s "$1" /run/www/zeros' bash "$3"
  ${run[$4]} bash -c 'ss -ltn | grep -q ":9000 " || exec busybox httpd -p 9000 -h /run/www'
  begun=${EPOCHREALTIME/./}
  ${run[$5]} busybox wget -q -O /dev/null "http://${address[$4]}:9000/zeros"
  ms=$(((${EPOCHREALTIME/./} - begun) / 1000))
  ((ms > $1 && ms < $2)) || fail "$3 bytes from $4 to $5 in $ms ms"
}

@test "what containerd asks for, a burst of half a gigabyte, lets a slow pod have it" {
  chained bandwidth ADD '{"runtimeConfig": {"bandwidth": {"ingressRate": 1000000, "ingressBurst": 4294967295, "egressRate": 1000000, "egressBurst": 4294967295}}}' >/dev/null
  chained bandwidth CHECK '{"runtimeConfig": {"bandwidth": {"ingressRate": 1000000, "ingressBurst": 4294967295}}}'
  fetch_takes 0 "$(patience 3000)" 30000000 node pod # by 32 bits of ticks the bucket would hold 21 MB
}

@test "GC removes the IFBs of pods that are gone, also the reference's, and keeps the others'" {
  chained bandwidth ADD "$limits" >/dev/null
  local kept
  kept=$(links | grep bwp)
  node_exec bash -c 'ip link add bwp000000000000 type ifb; ip link add other type ifb; ip link add bwpbridge type bridge'
  chained bandwidth GC '{"cniVersion": "1.1.0", "cni.dev/valid-attachments": [{"containerID": "c1", "ifname": "eth0"}]}'
  assert_equal "$(links | grep bwp | sort | xargs)" "$(printf '%s\n' "$kept" bwpbridge | sort | xargs)"
  chained bandwidth GC '{"cniVersion": "1.1.0", "name": "othernet", "cni.dev/valid-attachments": []}' # its pod is there
  assert_match "$(links)" "$kept"
  flannel DEL c1 pod "$(conf)"
  chained bandwidth GC '{"cniVersion": "1.1.0", "cni.dev/valid-attachments": []}'
  assert_equal "$(links | grep bwp)" bwpbridge
  node_exec ip link show other >/dev/null
}

@test "a pod sends and receives no faster than that" {
  chained bandwidth ADD '{"ingressRate": 16000000, "ingressBurst": 160000, "egressRate": 8000000, "egressBurst": 160000}' >/dev/null
  fetch_takes 350 "$(patience 2000)" 1000000 node pod # 8 Mbit, of which 160 kbit at once
  fetch_takes 800 "$(patience 3000)" 1000000 pod node
}
