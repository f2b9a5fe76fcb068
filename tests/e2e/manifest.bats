#!/usr/bin/env bats
# The manifest for Kubernetes: what must stand in it, and that flannel's own can be exchanged for it and back.

bats_require_minimum_version 1.5.0

load ../support/assert.bash

repo=$BATS_TEST_DIRNAME/../..
bin=${BIN_DIR:-$repo/build/release/bin}
examples=$repo/conf-examples/kubernetes

# Prints the objects of a file as JSON, one a line [kube-flannel.yaml].
objects() {
  yq -c . "${1:-$examples/kube-flannel.yaml}"
}

# Prints an object: object KIND [FILE]; where there are several, all of them.
object() {
  objects "${2-}" | jq -c --arg kind "$1" 'select(.kind == $kind)'
}

# Prints what the kustomization makes: customized [COMPONENT...]
customized() {
  command -v kubectl >/dev/null || skip "no kubectl"
  rm -rf "$BATS_TEST_TMPDIR/k"
  cp -r "$examples" "$BATS_TEST_TMPDIR/k"
  local list
  list=$(printf 'components/%s, ' "$@")
  if (($# > 0)); then
    sed -i "s|^components: .*|components: [$list]|" "$BATS_TEST_TMPDIR/k/kustomization.yaml"
  fi
  kubectl kustomize "$BATS_TEST_TMPDIR/k"
}

# The keys of the network configuration in the objects on stdin.
net_conf() {
  jq -r 'select(.kind == "ConfigMap").data["net-conf.json"]' | jq -c .
}

@test "manifest: names, labels and selectors are those of flannel's own" {
  assert_equal "$(objects | jq -r '"\(.kind) \(.metadata.namespace // "-") \(.metadata.name)"')" "$(printf '%s\n' \
    'Namespace - kube-flannel' 'ServiceAccount kube-flannel flannel' 'ClusterRole - flannel' \
    'ClusterRoleBinding - flannel' 'ConfigMap kube-flannel kube-flannel-cfg' 'DaemonSet kube-flannel kube-flannel-ds')"
  assert_json "$(object DaemonSet)" '.spec.selector == {matchLabels: {app: "flannel"}}
    and .spec.template.metadata.labels == {app: "flannel", tier: "node"}
    and [.spec.template.spec.containers[].name] == ["kube-flannel"]
    and [.spec.template.spec.initContainers[].name] == ["install-cni-plugin"]'
  assert_json "$(object Namespace)" '.metadata.labels["pod-security.kubernetes.io/enforce"] == "privileged"'
}

@test "manifest: the rights are those of flannel's own" {
  assert_json "$(object ClusterRole)" '.rules == [
    {apiGroups: [""], resources: ["pods"], verbs: ["get"]},
    {apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"]},
    {apiGroups: [""], resources: ["nodes/status"], verbs: ["patch"]}]'
  assert_json "$(object ClusterRoleBinding)" '.roleRef.name == "flannel"
    and .subjects == [{kind: "ServiceAccount", name: "flannel", namespace: "kube-flannel"}]'
}

@test "manifest: the agent has two capabilities, a root that it cannot write to, and no way to more" {
  assert_json "$(object DaemonSet | jq -c '.spec.template.spec.containers[0].securityContext')" '
    .privileged == false and .allowPrivilegeEscalation == false and .readOnlyRootFilesystem
    and .capabilities == {drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW"]} and .seccompProfile.type == "RuntimeDefault"'
  assert_json "$(object DaemonSet | jq -c '.spec.template.spec.initContainers[0].securityContext')" '
    .allowPrivilegeEscalation == false and .readOnlyRootFilesystem and .capabilities.drop == ["ALL"]'
}

@test "manifest: it runs on every Linux node, first of all, whatever its taints, and one node changes at a time" {
  assert_json "$(object DaemonSet)" '.spec.updateStrategy == {type: "RollingUpdate", rollingUpdate: {maxUnavailable: 1}}
    and (.spec.template.spec | .hostNetwork and .priorityClassName == "system-node-critical"
      and .serviceAccountName == "flannel" and ([.tolerations[] | .operator + " " + .effect] ==
        ["Exists NoSchedule", "Exists NoExecute"]))'
}

@test "manifest: each mount has its volume, and what must outlive the pod is the node's" {
  assert_json "$(object DaemonSet | jq -c .spec.template.spec)" '
    ([.volumes[].name] | sort) == ([(.initContainers + .containers)[].volumeMounts[].name] | unique)
    and ([.containers[0].volumeMounts[] | {(.mountPath): .name}] | add) as $at
    | ([.volumes[] | {(.name): .hostPath.path}] | add) as $host
    | all("/run/flannel", "/var/lib/flannel", "/etc/cni/net.d", "/run/xtables.lock"; $host[$at[.]] == .)'
}

@test "manifest: the probes ask the port that the agent serves, where it serves it" {
  assert_json "$(object DaemonSet | jq -c '.spec.template.spec.containers[0]')" '
    (.ports[] | select(.name == "healthz").containerPort) as $port
    | any(.args[]; . == "--healthz-port=\($port)") and any(.args[]; . == "--healthz-ip=127.0.0.1")
    and ([.livenessProbe, .readinessProbe | .httpGet | "\(.host) \(.port) \(.path)"]
      == ["127.0.0.1 healthz /healthz", "127.0.0.1 healthz /readyz"])'
}

@test "manifest: the agent knows its flags, and the program of the init container is install-conf" {
  local args
  mapfile -t args < <(object DaemonSet | jq -r '.spec.template.spec.containers[0].args[]')
  ((${#args[@]} > 3))
  "$bin/flanneld" "${args[@]}" --version
  run -2 "$bin/flanneld" "${args[@]}" --no-such-flag --version
  assert_json "$(object DaemonSet)" '.spec.template.spec.initContainers[0]
    | .command == ["/opt/bin/install-conf"] and .args == ["/flannel", "/opt/cni/bin/flannel"]'
}

@test "manifest: image and version are what scripts/image makes" {
  assert_equal "$(object DaemonSet | jq -r '.spec.template.spec | (.initContainers + .containers)[].image' | sort -u)" \
    "localhost/flannel:$("$bin/flanneld" --version)"
}

@test "manifest: its configurations are the examples beside it" {
  assert_equal "$(object ConfigMap | jq -r '.data["cni-conf.json"]' | jq -c .)" \
    "$(jq -c . "$repo/conf-examples/10-flannel.conflist")"
  assert_equal "$(objects | net_conf)" "$(jq -c . "$repo/conf-examples/net-conf.json")"
}

@test "kustomization: without components it is the manifest" {
  customized >"$BATS_TEST_TMPDIR/all.yaml"
  assert_equal "$(objects "$BATS_TEST_TMPDIR/all.yaml" | jq -Sc . | sort)" "$(objects | jq -Sc . | sort)"
}

@test "kustomization: components for dual stack, iptables and wireguard change the network configuration alone, together as well" {
  local components keys
  for components in dual-stack iptables wireguard "dual-stack iptables" "wireguard iptables dual-stack policy"; do
    # shellcheck disable=SC2086 # several words
    customized $components >"$BATS_TEST_TMPDIR/all.yaml"
    keys='.Network == "10.244.0.0/16"'
    if [[ $components == *wireguard* ]]; then keys+=' and .Backend == {Type: "wireguard"}'; else keys+=' and .Backend == {Type: "vxlan"}'; fi
    [[ $components != *dual* ]] || keys+=' and .EnableIPv6 and .IPv6Network == "fd00:10:244::/56"'
    [[ $components != *iptables* ]] || keys+=' and .EnableNFTables == false'
    assert_json "$(objects "$BATS_TEST_TMPDIR/all.yaml" | net_conf)" "$keys"
    assert_equal "$(objects "$BATS_TEST_TMPDIR/all.yaml" | jq -Sc 'select(.metadata.name | test("policy") | not) | del(.data["net-conf.json"])' | sort)" \
      "$(objects | jq -Sc 'del(.data["net-conf.json"])' | sort)"
  done
}

@test "kustomization: keep-config leaves out the ConfigMap, and nothing else" {
  customized keep-config >"$BATS_TEST_TMPDIR/all.yaml"
  assert_equal "$(objects "$BATS_TEST_TMPDIR/all.yaml" | jq -Sc . | sort)" \
    "$(objects | jq -Sc 'select(.kind != "ConfigMap")' | sort)"
}

@test "kustomization: k3s has its network, and a node with the label k3s-flannel gets no pod; nothing else changes" {
  customized k3s >"$BATS_TEST_TMPDIR/all.yaml"
  assert_json "$(objects "$BATS_TEST_TMPDIR/all.yaml" | net_conf)" '. == {Network: "10.42.0.0/16", Backend: {Type: "vxlan"}}'
  local term='.spec.template.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms'
  assert_json "$(object DaemonSet "$BATS_TEST_TMPDIR/all.yaml")" "$term | map(.matchExpressions) == [[
    {key: \"kubernetes.io/os\", operator: \"In\", values: [\"linux\"]}, {key: \"k3s-flannel\", operator: \"DoesNotExist\"}]]"
  assert_equal "$(objects "$BATS_TEST_TMPDIR/all.yaml" | jq -Sc "del(.data[\"net-conf.json\"], $term?)" | sort)" \
    "$(objects | jq -Sc "del(.data[\"net-conf.json\"], $term?)" | sort)"
  customized k3s wireguard dual-stack >"$BATS_TEST_TMPDIR/all.yaml"
  assert_json "$(objects "$BATS_TEST_TMPDIR/all.yaml" | net_conf)" \
    '.Network == "10.42.0.0/16" and .EnableIPv6 and .Backend == {Type: "wireguard"}'
}

@test "the README's one command gives a DaemonSet our image, its init containers as well" {
  command -v kubectl >/dev/null || skip "no kubectl"
  local words i
  eval "words=($(sed -n "s/^kubectl -n kube-flannel set image/set image/p" "$repo/README.md"))"
  for ((i = 0; i < ${#words[@]}; i++)); do
    if [[ ${words[i]} == daemonset/* ]]; then words[i]=--filename=$BATS_TEST_TMPDIR/flannel.json; fi
  done
  object DaemonSet | jq '(.spec.template.spec | .initContainers[], .containers[]).image = "flannel/flannel:v0.28.9"' \
    >"$BATS_TEST_TMPDIR/flannel.json"
  assert_equal "$(kubectl "${words[@]}" --local -o json | jq -c '[.. | .image? // empty] | [length, unique[]]')" \
    "[2,\"localhost/flannel:$("$bin/flanneld" --version)\"]"
}

@test "kustomization: network policies come beside flannel, with an account of their own" {
  customized policy >"$BATS_TEST_TMPDIR/all.yaml"
  local added
  added=$(objects "$BATS_TEST_TMPDIR/all.yaml" | jq -c 'select(.metadata.name | test("policy"))')
  assert_equal "$(jq -r .kind <<<"$added" | sort | xargs)" 'ClusterRole ClusterRoleBinding DaemonSet ServiceAccount'
  assert_equal "$(objects "$BATS_TEST_TMPDIR/all.yaml" | jq -Sc 'select(.metadata.name | test("policy") | not)' | sort)" \
    "$(objects | jq -Sc . | sort)"
  assert_json "$(jq -c 'select(.kind == "DaemonSet").spec' <<<"$added")" '
    .selector.matchLabels == .template.metadata.labels and .selector.matchLabels.app != "flannel"
    and .template.spec.serviceAccountName == "flannel-policy"'
}
