# shellcheck shell=bash
# The containers of a DaemonSet run by containerd on a host of the cluster, with the mounts, capabilities, environment
# and arguments that its manifest says. What the kubelet does beyond that, and restarts, are left out.
# Sourced after cluster.bash and containerd.bash; needs yq.

# All that containerd gives a container by itself.
default_capabilities='["CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP",
  "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"]'

# daemonset_volumes MANIFEST: what the kubelet makes on this host before the pod: its directories and files, and
# ConfigMaps as directories /run/config/NAME.
daemonset_volumes() {
  local type path name key
  while read -r type path; do
    if [[ $type == FileOrCreate ]]; then node_exec touch "$path"; else node_exec mkdir -p "$path"; fi
  done < <(daemonset_pod "$1" | jq -r '.volumes[].hostPath // empty | "\(.type // "-") \(.path)"')
  while read -r name key; do
    node_exec mkdir -p "/run/config/$name"
    yq -c . "$1" | jq -j --arg name "$name" --arg key "$key" \
      'select(.kind == "ConfigMap" and .metadata.name == $name).data[$key]' |
      node_exec bash -c 'cat >"$1"' bash "/run/config/$name/$key"
  done < <(yq -c . "$1" | jq -r 'select(.kind == "ConfigMap") | .metadata.name + " " + (.data | keys[])')
}

# daemonset_pod MANIFEST: prints the specification of its pods.
daemonset_pod() {
  yq -c . "$1" | jq -c 'select(.kind == "DaemonSet").spec.template.spec'
}

# daemonset_words MANIFEST CONTAINER NODE: prints the words for `ctr run` that the container's fields ask for, one a
# line; behind "--", its command.
daemonset_words() {
  daemonset_pod "$1" | jq -r --arg name "$2" --arg node "$3" --argjson default "$default_capabilities" '
    ([.volumes[] | {(.name): (.hostPath.path // "/run/config/\(.configMap.name)")}] | add) as $volumes
    | ((.initContainers + .containers)[] | select(.name == $name))
    | (.securityContext.capabilities // {}) as $caps
    | (if .securityContext.readOnlyRootFilesystem then "--read-only" else empty end),
      (if .securityContext.allowPrivilegeEscalation == false then empty else "--allow-new-privs" end),
      (if .securityContext.seccompProfile.type == "RuntimeDefault" then "--seccomp" else empty end),
      ($caps.add // [] | .[] | "--cap-add", "CAP_\(.)"),
      (if $caps.drop == ["ALL"] then ($default - ($caps.add // []))[] | "--cap-drop", "CAP_\(.)" else empty end),
      ({"spec.nodeName": $node, "metadata.name": "kube-flannel-ds-x", "metadata.namespace": "kube-flannel"} as $fields
        | .env // [] | .[] | "--env", "\(.name)=\(.value // $fields[.valueFrom.fieldRef.fieldPath])"),
      (.volumeMounts[] | "--mount",
        "type=bind,src=\($volumes[.name]),dst=\(.mountPath),options=rbind:\(if .readOnly then "ro" else "rw" end)"),
      "--", .command[], (.args // [])[]'
}

# daemonset_call MANIFEST CONTAINER NODE IMAGE [ctr option...]: sets `call`, the command that runs the container in this
# host's network.
daemonset_call() {
  local word words options=()
  mapfile -t words < <(daemonset_words "$1" "$2" "$3")
  for word in "${words[@]}"; do
    [[ $word != -- ]] || break
    options+=("$word")
  done
  call=(ctr run --rm --net-host --cgroup "/$(basename "$NODE_DIR")/$2" "${options[@]}" "${@:5}" "$4" "$2"
    "${words[@]:${#options[@]}+1}")
}

# daemonset_run …: runs it to its end.
daemonset_run() {
  local call
  daemonset_call "$@"
  node_exec "${call[@]}"
}

# daemonset_start …: runs it in the background, its output in /run/CONTAINER.log of this host.
daemonset_start() {
  local call
  daemonset_call "$@"
  node_spawn "$2.log" "${call[@]}"
}

# daemonset_stop CONTAINER: ends it as the kubelet does.
daemonset_stop() {
  node_exec ctr task kill --signal TERM "$1"
  wait_until 10 daemonset_has_ended "$1"
}

daemonset_has_ended() {
  ! node_exec ctr container info "$1" >/dev/null 2>&1
}
