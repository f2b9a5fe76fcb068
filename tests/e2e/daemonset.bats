#!/usr/bin/env bats
# The image and the manifest together: containerd imports the one and runs what the other says, with its mounts and
# capabilities, against the API double; the runtime then makes pods by the plugin that the image has brought.

bats_require_minimum_version 1.5.0

load ../support/flanneld_test.bash
load ../support/kube.bash
load ../support/containerd.bash
load ../support/daemonset.bash

manifest=$repo/conf-examples/kubernetes/kube-flannel.yaml
image=localhost/flannel:0.1.0

setup_file() {
  "$repo/scripts/image" --bin "$BIN_DIR" --output "$BATS_FILE_TMPDIR" --name "$image" >/dev/null
  export IMAGE_FILE=$BATS_FILE_TMPDIR/flannel.tar
}

setup() {
  cluster_start
  host_add a 192.168.1.10/24
  host_add m1 192.168.1.101/24
  on a node_exec ip route add default via 192.168.1.1
  on a node_exec ln -s /usr/lib/cni/portmap /opt/cni/bin/
  api_server
  on a containerd_start
  cp "$IMAGE_FILE" "$NODE_DIR/flannel.tar"
  NODE_TIMEOUT=60 on a node_exec ctr image import "$NODE_DIR/flannel.tar" >/dev/null
}

# An API server with TLS, and what the kubelet mounts of a service account, in /run/account of host a.
api_server() {
  on m1 node_exec bash -ec 'mkdir /run/tls && cd /run/tls
    key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
    openssl req -x509 "${key[@]}" -days 2 -subj /CN=ca -keyout ca.key -out ca.crt
    openssl req "${key[@]}" -subj /CN=server -keyout server.key -out server.csr
    openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -out server.pem \
      -extfile <(printf subjectAltName=IP:192.168.1.101)' 2>/dev/null
  on m1 kube_start --tls /run/tls/server.pem /run/tls/server.key --token a-token
  on m1 kube_node a 10.244.1.0/24 192.168.1.10 >/dev/null
  on a node_exec bash -c 'mkdir /run/account && cat >/run/account/ca.crt && echo a-token >/run/account/token' \
    < <(on m1 node_exec cat /run/tls/ca.crt)
}

# What the kubelet adds to a container: flannel_call CONTAINER [MANIFEST]; the rest of the words for daemonset_run.
kubelet_options=(
  --env KUBERNETES_SERVICE_HOST=192.168.1.101 --env KUBERNETES_SERVICE_PORT=6443
  --mount "type=bind,src=/run/account,dst=/var/run/secrets/kubernetes.io/serviceaccount,options=rbind:ro"
)

# agent_up [MANIFEST]: the agent's container runs, and its node is ready.
agent_up() {
  on a daemonset_start "${1:-$manifest}" kube-flannel a "$image" "${kubelet_options[@]}"
  wait_until 20 on a flanneld_is_ready || { on a node_exec cat /run/kube-flannel.log && return 1; }
}

# pods_work: two pods, made by containerd, reach each other.
pods_work() {
  on a rootfs_make
  on a ctr_pod_start web /bin/httpd -f -p 80 -h /www
  on a ctr_pod_start client /bin/sleep 1000
  assert_match "$(on a ctr_pod_exec web /bin/ip -4 addr show eth0)" 'inet 10\.244\.1\.[0-9]+/'
  web_answers
}

@test "daemonset: init container, agent, and pods by what they have put in place" {
  on a daemonset_volumes "$manifest"
  run -0 on a daemonset_run "$manifest" install-cni-plugin a "$image"
  assert_match "$output" "install-conf: '/opt/cni/bin/flannel' is now a copy of '/flannel'"
  on a node_exec cmp /opt/cni/bin/flannel "$BIN_DIR/flannel"
  assert_empty "$(on a node_exec ls -A /etc/cni/net.d)" "network configurations before the agent runs"
  agent_up
  on a node_exec cmp /etc/cni/net.d/10-flannel.conflist "$repo/conf-examples/10-flannel.conflist"
  assert_equal "$(on a node_exec curl -s http://127.0.0.1:8081/healthz)" "flanneld is running"
  local pid
  pid=$(on a node_exec ctr task ls | awk '$1 == "kube-flannel" { print $2 }')
  assert_equal "$(on a node_exec awk '$1 == "CapEff:" { print $2 }' "/proc/$pid/status")" 0000000000003000
  assert_equal "$(on a node_exec awk '$1 == "NoNewPrivs:" { print $2 }' "/proc/$pid/status")" 1
  assert_match "$(on m1 kube_annotation a backend-data)" '"VtepMAC":"[0-9a-f:]{17}"'
  wait_until 10 on a node_exec test -s /var/lib/flannel/leases.json
  pods_work
  export NODE_NAME=a KUBERNETES_SERVICE_HOST=192.168.1.101 KUBERNETES_SERVICE_PORT=6443  # as in the container
  run on a ctr_pod_exec kube-flannel /opt/bin/flanneld doctor
  assert_match "$output" "network configuration: '10-flannel.conflist': flannel, portmap"
  assert_equal "$status $(grep -v '^ok' <<<"$output")" '0 '
}

@test "daemonset: the agent's container is replaced while pods run, and they notice nothing" {
  on a daemonset_volumes "$manifest"
  on a daemonset_run "$manifest" install-cni-plugin a "$image" >/dev/null
  agent_up
  pods_work
  local mac
  mac=$(on a mac_of flannel.1)
  on a daemonset_stop kube-flannel
  on a daemonset_run "$manifest" install-cni-plugin a "$image" >/dev/null
  agent_up
  assert_equal "$(on a mac_of flannel.1)" "$mac"
  web_answers
}

# flannel's own manifest, its images exchanged for ours: what it says of the containers, in fewer words. "cp" for the
# configuration is that of its older releases.
stock_manifest() {
  cat >"$NODE_DIR/stock.yaml" <<YAML
kind: ConfigMap
apiVersion: v1
metadata: {name: kube-flannel-cfg, namespace: kube-flannel}
data:
  cni-conf.json: '$(jq -c . "$repo/conf-examples/10-flannel.conflist")'
  net-conf.json: '{"Network": "10.244.0.0/16", "EnableNFTables": false, "Backend": {"Type": "vxlan"}}'
---
apiVersion: apps/v1
kind: DaemonSet
spec:
  template:
    spec:
      initContainers:
      - name: install-cni-plugin
        command: [cp]
        args: [-f, /flannel, /opt/cni/bin/flannel]
        volumeMounts: [{name: cni-plugin, mountPath: /opt/cni/bin}]
      - name: install-cni
        command: [$1]
        args: [$2/etc/kube-flannel/cni-conf.json, /etc/cni/net.d/10-flannel.conflist]
        volumeMounts: [{name: cni, mountPath: /etc/cni/net.d}, {name: flannel-cfg, mountPath: /etc/kube-flannel/}]
      containers:
      - name: kube-flannel
        command: [/opt/bin/flanneld]
        args: [--ip-masq, --kube-subnet-mgr, --healthz-port=8081]
        securityContext: {privileged: false, capabilities: {add: [NET_ADMIN, NET_RAW]}}
        env:
        - {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        - {name: EVENT_QUEUE_DEPTH, value: "5000"}
        - {name: CONT_WHEN_CACHE_NOT_READY, value: "false"}
        volumeMounts:
        - {name: run, mountPath: /run/flannel}
        - {name: flannel-cfg, mountPath: /etc/kube-flannel/}
        - {name: xtables-lock, mountPath: /run/xtables.lock}
      volumes:
      - {name: run, hostPath: {path: /run/flannel}}
      - {name: cni-plugin, hostPath: {path: /opt/cni/bin}}
      - {name: cni, hostPath: {path: /etc/cni/net.d}}
      - {name: flannel-cfg, configMap: {name: kube-flannel-cfg}}
      - {name: xtables-lock, hostPath: {path: /run/xtables.lock, type: FileOrCreate}}
YAML
}

# stock_up: the agent's container of flannel's own manifest runs, and its node is ready.
stock_up() {
  on a daemonset_start "$stock" kube-flannel a "$image" "${kubelet_options[@]}"
  wait_until 20 stock_is_ready || { on a node_exec cat /run/kube-flannel.log && return 1; }
}

stock_is_ready() {
  [[ $(on a node_exec curl -s --noproxy '*' http://127.0.0.1:8081/readyz) == "flanneld is ready"* ]]
}

# web_answers: the client reaches the web pod.
web_answers() {
  local web
  web=$(on a ctr_pod_exec web /bin/ip -4 addr show eth0 | awk '$1 == "inet" { sub("/.*", "", $2); print $2 }')
  assert_equal "$(on a ctr_pod_exec client /bin/wget -qO- "http://$web/")" 'hello from a pod'
}

@test "daemonset: flannel's own manifest works with its images changed, port 7000 taken; ours takes over, and back" {
  local stock=$NODE_DIR/stock.yaml
  stock_manifest cp "-f, "
  on a daemonset_volumes "$stock"
  on a daemonset_run "$stock" install-cni-plugin a "$image"
  on a daemonset_run "$stock" install-cni a "$image"
  stock_manifest /opt/bin/install-conf
  on a daemonset_run "$stock" install-cni a "$image"
  on m1 kube_order '{"order": "pod", "name": "kube-flannel-ds-x", "node": "a"}' >/dev/null
  on a node_spawn taken.log /usr/bin/python3 -m http.server --bind 127.0.0.1 7000
  wait_until 10 on a node_exec curl -so /dev/null --noproxy '*' http://127.0.0.1:7000/
  stock_up
  on a node_exec grep -q 'warning nobody sees the status of this agent' /run/kube-flannel.log
  assert_match "$(on a node_exec iptables-save -t nat)" 'FLANNEL-POSTRTG'
  pods_work

  on a daemonset_stop kube-flannel
  on a daemonset_volumes "$manifest"
  on a daemonset_start "$manifest" kube-flannel a "$image" "${kubelet_options[@]}"
  wait_until 20 stock_is_ready
  on a node_exec nft list table ip flannel-ipv4 >/dev/null
  [[ $(on a node_exec iptables-save -t nat) != *FLANNEL-POSTRTG* ]]
  web_answers

  on a daemonset_stop kube-flannel
  on a daemonset_volumes "$stock"
  stock_up
  assert_match "$(on a node_exec iptables-save -t nat)" 'FLANNEL-POSTRTG'
  web_answers
}
