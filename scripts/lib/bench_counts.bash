# shellcheck shell=bash
# The counting part of scripts/bench: what does not depend on how busy the machine is. System calls, netlink messages
# and started processes of a call come from strace, page faults from the kernel, instructions (of the program, not of
# the kernel) from callgrind. Not every time the same only for programs with threads.
# Needs bench_calls.bash, bench_report.bash, the candidates of bench_plugins.bash and bench_ipam.bash; $rounds.

# call_under CANDIDATE VERB COMMAND...: one call, for container bench0, run by that command in the node.
call_under() {
  node_exec bash -c 'exec <"/run/$0.conf" >/dev/null; exec env -i "$@"' "$1" PATH="$PATH" CNI_PATH=/opt/cni/bin CNI_COMMAND="$2" \
    CNI_CONTAINERID=bench0 CNI_NETNS=/run/netns/bench0 CNI_IFNAME=eth0 "${@:3}" "${program[$1]}"
}

# traced_call CANDIDATE WHO VERB WHAT: one call under strace.
traced_call() {
  local calls messages sends processes
  call_under "$1" "$3" strace --follow-forks --output /run/trace --decode-fds=all --no-abbrev --string-limit 100000 --signal none
  read -r calls messages sends processes < <(node_exec awk '
    $2 ~ /^[a-z_0-9]+\(/ { calls++ }
    $2 ~ /^(sendmsg|sendmmsg|sendto|write)\([0-9]+<NETLINK/ { sends++; messages += gsub(/nlmsg_type=/, "") }
    /execve(\(| resumed>)/ && / = 0$/ { processes++ }
    END { print calls + 0, messages + 0, sends + 0, processes + 0 }' /run/trace)
  sample counts "$4: system calls" "" "$2" "" "$calls"
  sample counts "$4: netlink messages" "" "$2" "" "$messages"
  sample counts "$4: netlink sends" "" "$2" "" "$sends"
  sample counts "$4: processes" "" "$2" "" "$processes"
}

# instructions_of CANDIDATE WHO VERB WHAT: one call under callgrind, with its children. Callgrind cannot follow how ADD
# starts the IPAM program, so that flannel is alone in CNI_PATH and does that work itself.
instructions_of() {
  node_exec bash -c 'rm -f /run/callgrind.*; mkdir -p /run/alone; cp /opt/cni/bin/flannel /run/alone'
  call_under "$1" "$3" CNI_PATH=/run/alone valgrind --tool=callgrind --vgdb=no --trace-children=yes \
    --callgrind-out-file=/dev/null --log-file=/run/callgrind.%p
  sample counts "$4: instructions" "" "$2" "" \
    "$(node_exec bash -c "cat /run/callgrind.* | awk '\$2 == \"Collected\" { sum += \$4 } END { print sum + 0 }'")"
}

# counts_of CANDIDATE WHO WHAT: ADD and DEL, after one of each that makes what stays. The reference is not run under
# callgrind, which serves no Go programs.
counts_of() {
  local verb i
  calls "$1" ADD 1 1 >/dev/null
  calls "$1" DEL 1 1 >/dev/null
  for ((i = 0; i < rounds; i++)); do
    for verb in ADD DEL; do traced_call "$1" "$2" "$verb" "$verb$3"; done
    for verb in ADD DEL; do calls "$1" "$verb" 1 1 | keep counts "$verb$3" "" "$2" "faults::page faults"; done
  done
  [[ $2 != reference ]] || return 0
  for verb in ADD DEL; do instructions_of "$1" "$2" "$verb" "$verb$3"; done
}

# program_size WHO FILE WHAT: without symbols.
program_size() {
  node_exec strip -o /run/stripped "$2"
  sample counts "size of $3" "" "$1" kB "$(node_exec stat -c %s /run/stripped | jq '. / 1024 | round')"
}

bench_counts() {
  local who
  echo "counts" >&2
  cni_node_start bridge host-local
  dual_env_write
  namespaces_add 1
  plugins_candidates
  ipam_candidate ipam flannel-ipam ipam-ours 10.0.0.0/16
  ipam_candidate host-local host-local ipam-reference 10.0.0.0/16
  candidates_write
  program_size ours "$BIN_DIR/flannel" "the plugin"
  program_size reference /usr/lib/cni/bridge "the plugin"
  program_size ours "$BIN_DIR/flannel-ipam" "the IPAM program"
  program_size reference /usr/lib/cni/host-local "the IPAM program"
  program_size ours "$BIN_DIR/flanneld" "the agent"
  instructions_of ours ours VERSION start
  for who in ours reference limit; do counts_of "$who" "$who" ""; done
  for who in ours reference; do
    counts_of "$who-dual" "$who" ", dual stack"
    counts_of "$who-masq" "$who" ", ipMasq"
  done
  counts_of ipam ours ", IPAM alone"
  counts_of host-local reference ", IPAM alone"
}
