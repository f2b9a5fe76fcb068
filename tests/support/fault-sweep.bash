#!/usr/bin/env bash
# Disturbs one verb of a plugin at each of its system calls in turn, and checks each time what is left.
# Runs inside a node (node.bash) with a pod namespace `pod`; needs strace.
#
# Usage: fault-sweep.bash PLUGIN VERB CONF FAULT [STRIDE [FIRST]]
#   PLUGIN  flannel, flannel-ipam, or one that stands behind flannel: then CONF has a prevResult, of what flannel made for
#           the victim, and CONF.kept is the same for the container `kept`, whose namespace is there already
#   VERB    ADD, DEL or GC
#   CONF    the network configuration, a file
#   FAULT   KILL or TERM: the signal comes as the call begins; an errno such as ENOSPC: the call fails so.
#           EIO goes to every call, the others to those that may give them
#   STRIDE  of how many calls one is tried [1]; FIRST which one to begin with [0]
#
# The calls are those of one undisturbed run, children included; each is named "syscall:occurrence", as
# strace counts. After each: DEL as a runtime would, then nothing may be left, and ADD, CHECK and DEL work.
# With an errno, a verb that fails must say so by an error object, an ADD that fails must leave nothing by
# itself, and what says that it succeeded must have. A container `kept` must keep all it has throughout.
# Prints a line for each breach; the last line is the number of calls tried.
set -uo pipefail
shopt -s nullglob

plugin=$1 verb=$2 conf=$3 fault=$4 stride=${5:-1} first=${6:-0}
export CNI_IFNAME=eth0 CNI_PATH=/opt/cni/bin
work=$(mktemp -d /run/sweep.XXXXXX)

case $fault in
  KILL | TERM) injection=signal=$fault ;;
  *) injection=error=$fault ;;
esac

# call VERB ID [PREFIX...]: a call for a container, its answer in $work/out.
call() {
  local netns=/run/netns/pod config=$conf
  [[ $2 == victim ]] || netns=/run/netns/$2 config=$work/$2.conf
  case $1 in
    GC) config=$work/gc.conf ;;
    CHECK) config=$work/check.conf ;;
  esac
  CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=$netns "${@:3}" "/opt/cni/bin/$plugin" <"$config" >"$work/out"
}

# The calls, as a regex, that fail with an errno.
calls_that_fail_with() {
  case $1 in
    ENOSPC) echo 'openat|write|pwrite64|ftruncate|linkat|renameat|mkdir|sendto|sendmsg' ;;
    EMFILE) echo 'openat|socket|pipe2|dup|fcntl|pidfd_open' ;;
    ENOMEM) echo 'mmap|openat|read|socket|sendto|sendmsg|recvfrom|clone|vfork|fork' ;;
    EINTR | EAGAIN) echo 'openat|read|write|flock|poll|wait4|sendto|sendmsg|recvfrom|clone|vfork|fork' ;;
    EOPNOTSUPP) echo 'openat|linkat|sendto|sendmsg|recvfrom|setsockopt' ;;
    *) echo '.*' ;;
  esac
}

# Calls that a point does not name: those that end the program or start it; and, where a call fails, brk, whose
# error the C library takes for an address, as the kernel tells of none, and close, which closes also where it fails:
# strace makes no call of it, and a program waits for half a minute for the end of what nobody closes.
left_out() {
  echo execve:1
  if [[ $injection != signal=* ]]; then printf '%s\n' exit_group:1 'brk:.*' 'close:.*'; fi
}

# Puts what the victim has on the node into $left: links, leases, scratch files, rules; also unfinished files of
# any container.
look() {
  local file line rest
  left=
  while IFS=: read -r line rest; do
    line=${line// /}
    [[ $line != veth* && $line != bwp* || -n ${known[$line]-} ]] || left+=" link $line"
  done </proc/net/dev
  for file in /var/lib/cni/networks/*/*[.:]* /var/lib/cni/flannel/*; do
    [[ -n ${known[$file]-} || $file == */last_reserved_ip.* ]] || left+=" $file"
  done
  for file in {/var/lib/cni/networks/*,/var/lib/cni/flannel,/run/cni/*}/.tmp.*; do left+=" $file"; done
  [[ $plugin != flannel-ipam ]] || return
  if [[ $rules == iptables ]]; then
    grep -q "$victim_rule" <<<"$(iptables-save -t nat)" && left+=" iptables rules"
  else
    grep -q "$victim_rule" <<<"$(nft list ruleset 2>/dev/null)" && left+=" nftables rules"
  fi
}

# The rules of kept that packets meet: its host ports, and what the firewall lets pass.
count_kept_rules() {
  nft list ruleset 2>/dev/null | grep -cE "dnat.*comment \"kept\"|addr ${kept_address:-none} .*accept"
}

# Notes what the container `kept` has, to compare with later.
remember() {
  local file line rest
  declare -gA known=()
  while IFS=: read -r line rest; do
    line=${line// /}
    [[ $line != veth* && $line != bwp* ]] || known[$line]=1
  done </proc/net/dev
  for file in /var/lib/cni/networks/*/*[.:]* /var/lib/cni/flannel/*; do known[$file]=1; done
  kept_rules=$(count_kept_rules)
}

breach() {
  printf '%s of %s, %s at %s: %s\n' "$verb" "$plugin" "$fault" "$point" "$*"
}

# What kept has is whole.
check_kept() {
  local thing
  for thing in "${!known[@]}"; do
    [[ $thing != /* ]] || [[ -s $thing ]] || breach "kept lost $thing"
    [[ $thing == /* ]] || grep -q "^ *$thing:" /proc/net/dev || breach "kept lost link $thing"
  done
  [[ $(count_kept_rules) == "$kept_rules" ]] || breach "kept lost a rule"
}

# Writes the configuration of CHECK: with what the last ADD has answered.
write_check_conf() {
  jq -c --slurpfile result "$work/out" '. + {prevResult: $result[0]}' "$conf" >"$work/check.conf"
}

# The victim can be made, is whole, and goes.
check_works() {
  call ADD victim || { breach "ADD again fails: $(<"$work/out")"; return; }
  if ((deep)); then
    write_check_conf
    call CHECK victim || breach "CHECK after ADD again: $(<"$work/out")"
  fi
  call DEL victim || breach "DEL of ADD again: $(<"$work/out")"
}

# Checks what must hold right after the verb, before any cleaning up. Only for a verb that ended by itself.
check_answer() {
  local status=$1
  if ((status != 0)) && [[ $point != setns:* ]]; then # a setns that fails on the way home ends it at once
    jq -e .code "$work/out" >/dev/null 2>&1 || breach "status $status, no error object: $(<"$work/out")"
  fi
  if [[ $verb == ADD && $status -eq 0 ]]; then
    write_check_conf
    call CHECK victim || breach "ADD succeeded, CHECK fails: $(<"$work/out")"
  elif [[ $point != setns:* ]] && ((status == 0)) || [[ $verb == ADD && $point != setns:* ]]; then
    look
    [[ -z $left ]] || breach "status $status left:$left; $(<"$work/out")"
  fi
}

try() {
  local status
  [[ $verb == ADD ]] || call ADD victim || breach "ADD before: $(<"$work/out")"
  call "$verb" victim strace -f -qq -o /dev/null -e "trace=${point%:*}" \
    -e "inject=${point%:*}:$injection:when=${point#*:}" 2>"$work/stderr"
  status=$?
  [[ $injection == signal=* ]] || check_answer "$status"
  [[ $verb != GC ]] || call GC victim || breach "the next GC: $(<"$work/out")"
  if [[ $verb == GC ]]; then
    look
    [[ -z $left ]] || breach "the next GC left:$left"
  fi
  call DEL victim || breach "the next DEL: $(<"$work/out")"
  look
  [[ -z $left ]] || breach "left after DEL:$left"
  check_works
  check_kept
}

rules=nftables victim_rule='id: victim\|macspoofchk-victim\|comment "victim"'
if [[ $(jq -r .delegate.ipMasqBackend "$conf") == iptables ]]; then rules=iptables victim_rule='CNI-.*victim'; fi
if [[ $plugin == firewall ]]; then # no rule of its says whose it is but for the address
  first_address='.prevResult.ips[0].address | sub("/.*"; "")'
  victim_rule="addr $(jq -r "$first_address" "$conf") .*accept"
  kept_address=$(jq -r "$first_address" "$conf.kept")
fi
jq -c '. + {"cni.dev/valid-attachments": [{containerID: "kept", ifname: "eth0"}]}' "$conf" >"$work/gc.conf"
deep=$([[ $injection == signal=* ]] && echo 1 || echo 0)
point=start

jq -c 'if .runtimeConfig.portMappings then .runtimeConfig.portMappings[].hostPort += 1000 else . end' \
  "$([[ -e $conf.kept ]] && echo "$conf.kept" || echo "$conf")" >"$work/kept.conf"
[[ -e /run/netns/kept ]] || ip netns add kept
call ADD kept || breach "$(<"$work/out")"
remember
call ADD victim || breach "$(<"$work/out")"
[[ $verb != ADD ]] || call DEL victim
call "$verb" victim strace -f -o "$work/trace" || breach "$(<"$work/out")"
call DEL victim
mapfile -t points < <(awk '
  match($2, /^[a-z_0-9]+\(/) { name = substr($2, 1, RLENGTH - 1); seen = ++count[$1 " " name]
    if (seen > most[name]) { most[name] = seen; print name ":" seen } }' "$work/trace" |
  grep -vx -f <(left_out) |
  grep -E "^($(calls_that_fail_with "$fault")):")

tried=0
for ((i = first; i < ${#points[@]}; i += stride)); do
  point=${points[i]}
  try
  tried=$((tried + 1))
done
call DEL kept
[[ -e $conf.kept ]] || ip netns del kept
rm -r "$work"
echo "$tried"
