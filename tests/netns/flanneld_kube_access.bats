# How flanneld reaches Kubernetes' API server: service account, kubeconfig, TLS, programs, proxies.

load ../support/flanneld_test.bash
load ../support/kube.bash

setup() {
  cluster_start
  host_with_plugins a 192.168.1.10/24
  host_add m1 192.168.1.101/24
  on a net_conf '{"Network": "10.244.0.0/16", "Backend": {"Type": "vxlan"}}'
  on a node_exec bash -ec 'mkdir /run/tls && cd /run/tls
    key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
    authority() { openssl req -x509 "${key[@]}" -days 2 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem"; }
    signed() {
      openssl req "${key[@]}" -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
      openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out "$1.pem" \
        -extfile <(printf "subjectAltName=$2\nextendedKeyUsage=serverAuth,clientAuth")
    }
    authority ca; authority other; signed server IP:192.168.1.101; signed named DNS:kube.example; signed client DNS:client' 2>/dev/null
  on a node_exec tar -C /run -c tls | on m1 node_exec tar -C /run -x
}

# server CERTIFICATE [flag...]
server() {
  on m1 kube_start --tls "/run/tls/$1.pem" "/run/tls/$1.key" "${@:2}"
  on m1 kube_node a 10.244.1.0/24 192.168.1.10
}

# agent [VARIABLE...]: flanneld of the Node a, by the environment alone.
agent() {
  on a flanneld_spawn env NODE_NAME=a FLANNELD_NET_CONFIG_PATH=/run/kube-flannel/net-conf.json FLANNELD_KUBE_SUBNET_MGR=true \
    "$@" "$BIN_DIR/flanneld"
}

# kubeconfig CLUSTER USER: both as YAML; a file on the host a.
kubeconfig() {
  on a node_exec bash -c 'cat >/run/kubeconfig' <<EOF
apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [{name: k, cluster: {server: "https://192.168.1.101:6443", $1}}]
users: [{name: u, user: {$2}}]
EOF
}

data() {
  on a node_exec base64 -w 0 "/run/tls/$1"
}

# takes_only TOKEN: from now on the server takes no other, and the agent learns of a new Node all the same.
takes_only() {
  on m1 kube_order "{\"order\": \"wrong\", \"token\": \"$1\"}"
  on m1 kube_order '{"order": "end_watches"}'
  on m1 kube_node b 10.244.2.0/24 192.168.1.20 '{"flannel.alpha.coreos.com/kube-subnet-manager": "true",
    "flannel.alpha.coreos.com/backend-type": "vxlan", "flannel.alpha.coreos.com/public-ip": "192.168.1.20",
    "flannel.alpha.coreos.com/backend-data": "{\"VNI\":1,\"VtepMAC\":\"c6:d2:32:6f:8f:44\"}"}'
  wait_until 5 peers_are a 1
}

says() {
  [[ $(on a status_get /readyz) =~ $1 ]]
}

# account TOKEN: the service account of the pod, as the kubelet mounts it.
account() {
  on a node_exec bash -ec 'cd /run && mkdir -p secrets/kubernetes.io/serviceaccount && cd secrets/kubernetes.io/serviceaccount
    mkdir "..$1" && printf "%s\n" "$1" >"..$1/token" && cp /run/tls/ca.pem "..$1/ca.crt"
    ln -sfn "..$1" ..new && mv -T ..new ..data && ln -sf ..data/token token && ln -sf ..data/ca.crt ca.crt' bash "$1"
}

@test "kube access: a pod's service account is used, and its token read again when it is replaced" {
  server server --token first-token
  account first-token
  agent KUBERNETES_SERVICE_HOST=192.168.1.101 KUBERNETES_SERVICE_PORT=6443
  on a flanneld_wait_ready
  account second-token
  takes_only second-token
  run ! on a node_exec grep -E "(first|second)-token" /run/flanneld.log
}

# jwt CLAIMS: a token that says so, as nobody has signed it.
jwt() {
  echo "e30.$(base64 -w 0 <<<"$1" | tr -d = | tr +/ -_).c2ln"
}

doctor_says() {
  local report
  report=$(on a node_exec env NODE_NAME=a KUBERNETES_SERVICE_HOST=192.168.1.101 KUBERNETES_SERVICE_PORT=6443 \
    "$BIN_DIR/flanneld" --kube-subnet-mgr --net-config-path /run/kube-flannel/net-conf.json doctor) || true
  grep -qE "$1" <<<"$report" || fail "wanted: $1"$'\n'"got: $report"
}

@test "kube access: doctor tells of a clock that differs from the server's, and of a token whose time is over or yet to come" {
  server server
  account "$(jwt "{\"nbf\": $((EPOCHSECONDS - 60)), \"exp\": $((EPOCHSECONDS + 3600))}")"
  doctor_says "^ok +clock: it agrees with the API server's"
  on m1 kube_order '{"order": "wrong", "skew": 7200}'
  doctor_says "^warn +clock: this machine's is 7(19[0-9]|20[0-9]) s behind the API server's"
  account "$(jwt "{\"nbf\": $((EPOCHSECONDS + 600))}")"
  doctor_says "^fail +service account: its token is valid from .*set the clock"
  account "$(jwt "{\"exp\": $((EPOCHSECONDS - 600))}")"
  doctor_says "^fail +service account: its token was valid until .*kubelet"
}

@test "kube access: a token in the kubeconfig is replaced there, and the authority with it; half a file changes nothing" {
  server server --token first-token
  kubeconfig "certificate-authority: tls/ca.pem" 'token: first-token'
  agent FLANNELD_KUBECONFIG_FILE=/run/kubeconfig
  on a flanneld_wait_ready
  on a node_exec bash -c 'echo "clusters: [{name: k, clu" >/run/kubeconfig'
  on m1 kube_order '{"order": "end_watches"}'
  kubeconfig "certificate-authority-data: $(data ca.pem)" 'token: second-token'
  takes_only second-token
}

@test "kube access: certificates as data and files, a server of another name, and another authority" {
  server named --client-ca /run/tls/ca.pem
  kubeconfig 'certificate-authority: tls/other.pem, tls-server-name: kube.example' \
    'client-certificate: tls/client.pem, client-key: tls/client.key'
  agent FLANNELD_KUBECONFIG_FILE=/run/kubeconfig
  wait_until 5 says "https://192.168.1.101:6443: .*certificate"
  on a flanneld_stop
  kubeconfig 'certificate-authority: tls/ca.pem' 'client-certificate: tls/client.pem, client-key: tls/client.key'
  agent FLANNELD_KUBECONFIG_FILE=/run/kubeconfig
  wait_until 5 says "192.168.1.101"
  on a flanneld_stop
  kubeconfig "certificate-authority-data: $(data ca.pem), tls-server-name: kube.example" \
    "client-certificate-data: $(data client.pem), client-key-data: $(data client.key)"
  agent FLANNELD_KUBECONFIG_FILE=/run/kubeconfig
  on a flanneld_wait_ready
}

@test "kube access: a kubeconfig that comes late, and a program that gives the token, again when that is refused" {
  server server --token word-1
  on a node_exec bash -c 'cat >/run/give && chmod +x /run/give' <<'EOF'
#!/bin/sh
echo x >>/run/given
echo "$KUBERNETES_EXEC_INFO $1 $EXTRA" >/run/info
printf '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"word-%s"}}' "$(wc -l </run/given)"
EOF
  agent FLANNELD_KUBECONFIG_FILE=/run/kubeconfig
  wait_until 5 says "there is no kubeconfig '/run/kubeconfig'"
  kubeconfig 'certificate-authority: tls/ca.pem' \
    'exec: {apiVersion: client.authentication.k8s.io/v1, command: ./give, args: [one], env: [{name: EXTRA, value: two}], interactiveMode: Never}'
  on a flanneld_wait_ready
  assert_equal "$(on a node_exec cat /run/info | xargs -d '\n')" \
    '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}  one two'
  on m1 kube_order '{"order": "wrong", "token": "word-2"}'
  on m1 kube_order '{"order": "end_watches"}'
  wait_until 5 given_twice
  wait_until 5 says "^flanneld is ready"
  run ! on a node_exec grep -E "word-[12]" /run/flanneld.log
}

given_twice() {
  [[ $(on a node_exec cat /run/given | wc -l) == 2 ]]
}

@test "kube access: a proxy of the environment is used, but not for what NO_PROXY names" {
  server server
  kubeconfig 'insecure-skip-tls-verify: true' ''
  agent FLANNELD_KUBECONFIG_FILE=/run/kubeconfig HTTPS_PROXY=http://192.168.1.101:9
  wait_until 5 says "192.168.1.101 port 9"
  on a flanneld_stop
  agent FLANNELD_KUBECONFIG_FILE=/run/kubeconfig HTTPS_PROXY=http://192.168.1.101:9 NO_PROXY=10.0.0.0/8,192.168.0.0/16
  on a flanneld_wait_ready
}
