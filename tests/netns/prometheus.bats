#!/usr/bin/env bats
# What Prometheus makes of the agents: their metrics, the alerts and the dashboard of conf-examples/prometheus.

bats_require_minimum_version 1.5.0

load ../support/flanneld_test.bash

examples=$BATS_TEST_DIRNAME/../../conf-examples/prometheus

@test "prometheus: the example alerts fire on their faults and on nothing else" {
  run -0 promtool check rules "$examples/alerts.yaml"
  run -0 promtool test rules "$examples/alerts_test.yaml"
}

# prometheus_query EXPRESSION: the answer of Prometheus on host a.
prometheus_query() {
  on a node_exec curl -sS --get --noproxy '*' --data-urlencode "query=$1" http://127.0.0.1:9090/api/v1/query
}

# Both agents were scraped, twice at least, so that rates have a value.
were_scraped() {
  [[ $(prometheus_query 'count(count_over_time(flanneld_ready[1m]) > 2)' 2>/dev/null | jq -r '.data.result[0].value[1]') == 2 ]]
}

@test "prometheus: the agents' metrics keep its conventions, and every query of the dashboard and the alerts has an answer" {
  network_config '{"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}}'
  agent_start a --status-listen 0.0.0.0:7000
  agent_start b --status-listen 0.0.0.0:7000
  on a pod_run web # so that the kernel tracks connections, and addresses are held
  run -0 on a node_exec bash -c 'curl -sS --noproxy "*" http://127.0.0.1:7000/metrics | promtool check metrics'
  assert_equal "$output" ""

  sed -e 's/^rule_files.*/rule_files: [alerts.yaml]\nglobal: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}/' \
    "$examples/scrape.yaml" >"$NODE_DIR/prometheus.yml"
  cp "$examples/alerts.yaml" "$NODE_DIR/"
  on a node_spawn prometheus.log prometheus --config.file "$NODE_DIR/prometheus.yml" \
    --storage.tsdb.path /run/prometheus --web.listen-address 127.0.0.1:9090
  # Prometheus looks for the name of its machine first, for 10 s where no server knows it.
  wait_until 40 were_scraped || fail "$(on a node_exec tail /run/prometheus.log)"

  local expression answer count=0
  while IFS= read -r expression; do
    expression=${expression//'$__rate_interval'/10s} expression=${expression//'$node'/.*}
    answer=$(prometheus_query "$expression")
    [[ $(jq -r '.status' <<<"$answer") == success ]] || fail "$expression: $answer"
    # Compared with a limit, a healthy cluster has no answer; without, each metric that is named must be there.
    [[ $expression == *' > '* || $expression == *' == '* || $expression == *' < '* || $(jq '.data.result | length' <<<"$answer") -gt 0 ]] ||
      fail "no answer: $expression"
    count=$((count + 1))
  done < <(jq -r '.panels[].targets[].expr' "$examples/dashboard.json" && yq -r '.groups[].rules[].expr' "$examples/alerts.yaml")
  ((count > 30))

  # A metric that an alert asks for and no agent has would never fire.
  local name missing=()
  while read -r name; do
    case $name in flanneld_wireguard_* | flanneld_probe_round_trip_seconds_bucket | flanneld_probe_path_failing) continue ;; esac # not with this backend, or so soon
    [[ $(prometheus_query "$name" | jq '.data.result | length') -gt 0 ]] || missing+=("$name")
  done < <(grep -ohE 'flanneld_[a-z_]+' "$examples/alerts.yaml" "$examples/dashboard.json" | sort -u)
  assert_equal "${missing[*]}" ""
}
