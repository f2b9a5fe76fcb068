# shellcheck shell=bash
# Web servers and clients in a node (node.bash), its pods and its containers: all are busybox, run in a
# root file system of their own, because as a static program it cannot use the machine's name service.

# Makes that root file system, /run/rootfs in the node, with a page to serve.
rootfs_make() {
  node_exec bash -c '
    mkdir -p /run/rootfs/{bin,www,proc,sys,dev,etc,tmp}
    cp "$(command -v busybox)" /run/rootfs/bin/busybox
    for name in sh httpd wget ip sleep; do ln -sf busybox "/run/rootfs/bin/$name"; done
    echo "hello from a pod" >/run/rootfs/www/index.html'
}

# Runs a program of the root file system in a network namespace: web_exec node|POD PROGRAM...
web_exec() {
  local where=$1 inside=()
  shift
  [[ $where == node ]] || inside=(nsenter "--net=/run/netns/$where")
  node_exec "${inside[@]}" chroot /run/rootfs "$@"
}

# Serves the page in the background: web_serve node|POD PORT. Fails when nothing listens within 10 s.
web_serve() {
  local inside=()
  [[ $1 == node ]] || inside=(nsenter "--net=/run/netns/$1")
  node_spawn "web-$1-$2.log" "${inside[@]}" chroot /run/rootfs /bin/httpd -f -p "$2" -h /www
  wait_until 10 web_listens "$2" "${inside[@]}"
}

# True when something listens on the TCP port, in the namespace that the rest of the arguments enters.
web_listens() {
  [[ -n $(node_exec "${@:2}" ss -Hltn "sport = :$1") ]]
}

# Prints the page at a URL: web_fetch node|POD URL. Fails after 5 s without an answer.
web_fetch() {
  NODE_TIMEOUT=5 web_exec "$1" /bin/wget -qO- "$2"
}

# True if no page comes from there within a second, of which a slow machine gets no more: web_misses node|POD URL
web_misses() {
  ! PATIENCE=1 NODE_TIMEOUT=1 web_exec "$1" /bin/wget -qO- "$2" >/dev/null
}
