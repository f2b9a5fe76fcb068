# The page for people at /, in a real browser.

load ../support/flanneld_test.bash

setup() {
  cluster_start
  host_with_plugins a 192.168.1.10/24
  host_with_plugins b 192.168.1.20/24
}

# browse HOST OPTION...: chromium without a display, with the agent's page on that host.
browse() {
  NODE_TIMEOUT=60 on "$1" node_exec env HOME=/run/browser chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage \
    --no-first-run --user-data-dir=/run/browser "${@:2}" http://127.0.0.1:7000/ 2>/run/browser.log
}

@test "the page shows in a browser who is reached, refreshes itself, and says the same without JavaScript" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start a --probe-interval 1
  agent_start b --probe-interval 1
  lease_put 10.5.250.0-24 '{"PublicIP":"192.168.1.99","BackendType":"vxlan","BackendData":{"VNI":1,"VtepMAC":"02:00:00:00:00:99"}}'
  wait_until 6 on a node_exec grep -q '1 peer does not answer' /run/flanneld.log

  local dom
  dom=$(browse a --virtual-time-budget=8000 --dump-dom)
  assert_match "$dom" '<main data-refreshed="[12]">' # the script ran, and a second answer took the first one's place
  assert_match "$dom" '1 of 2 peers reached'
  assert_match "$dom" '<circle class="mark bad"'
  assert_match "$dom" '10.5.250.0/24</td>.*does not answer'
  assert_match "$dom" '1 of 2 peers does not answer, the first is 10.5.250.0/24 at 192.168.1.99'
  assert_match "$dom" "<p id=\"stale\" hidden"

  dom=$(on a status_get /)
  assert_match "$dom" '1 of 2 peers reached'
  assert_match "$(on a node_exec curl -sSI --noproxy '*' http://127.0.0.1:7000/)" "Content-Security-Policy: default-src 'none'"
  assert_match "$(on a status_get /events | jq -r '.[].text')" '1 peer joined: 10.5.250.0/24'

  if [[ -n ${PAGE_PICTURE-} ]]; then # for the README
    browse a --window-size=1000,1080 --hide-scrollbars --screenshot=/run/page.png
    on a node_exec cat /run/page.png >"$PAGE_PICTURE"
  fi
}
