# shellcheck shell=bash
# A plugin that keeps what it was called with: each verb's configuration in /run/spy/VERB.json of the node, the calls
# in /run/spy/calls. What it answers a test says by spy_does; without that it goes on to the program given.

# spy_install NAME [PROGRAM]: puts it into the node's /opt/cni/bin; PROGRAM gets the call in the end.
spy_install() {
  # shellcheck disable=SC2016 # expanded in the node
  node_exec bash -c 'mkdir -p /run/spy; rm -f "/opt/cni/bin/$0"; cat >"/opt/cni/bin/$0"; echo "${1:+exec $1 </run/spy/\$CNI_COMMAND.json}" \
    >>"/opt/cni/bin/$0"; chmod +x "/opt/cni/bin/$0"' "$1" "${2-}" <<'SPY'
#!/bin/bash
echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $CNI_ARGS" >>/run/spy/calls
cat >"/run/spy/$CNI_COMMAND.json"
[[ ! -e /run/spy/$CNI_COMMAND.sh ]] || source "/run/spy/$CNI_COMMAND.sh"
SPY
}

# What the spy does on a verb: spy_does VERB <script
spy_does() {
  # shellcheck disable=SC2016 # expanded in the node
  node_exec bash -c 'cat >"/run/spy/$0.sh"' "$1"
}

# Prints the verbs it was called with, in order.
spy_calls() {
  node_exec cut -d' ' -f1 /run/spy/calls | xargs
}
