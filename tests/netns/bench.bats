# scripts/bench: that it measures what it says, on a run too small to mean anything. No figure is judged.

load ../support/flannel_test.bash

setup() {
  BENCH_DIR=$(mktemp -d "${TMPDIR:-/tmp}/bench.XXXXXX")
}

teardown() {
  rm -f "$BENCH_DIR"/{run,before}.json
  rmdir "$BENCH_DIR"
}

# figures PART WHO: the rows with a figure of WHO, as "what: size", each once.
figures() {
  jq -r --arg part "$1" --arg who "$2" '.rows[] | select(.part == $part and .[$who])
    | [.what, .size] | map(select(. != null)) | join(": ")' "$BENCH_DIR/run.json" | sort -u
}

@test "a run has every figure, none zero, and can be compared" {
  run -0 "$repo/scripts/bench" plugins chain ipam counts guard --smoke --json "$BENCH_DIR/run.json"
  local json calls
  json=$(<"$BENCH_DIR/run.json")
  assert_json "$json" '.settings.failed == null and .project.version and (.machine | .cpu and .processors > 0 and .kernel)'
  assert_json "$json" '[.rows[] | select(.unit == "calls") | (.ours, .reference).median] | length == 10 and all(. == 0)'
  assert_json "$json" '[.rows[] | select(.unit == "ms" or .unit == "kB" or .unit == "per s") | (.ours.median, .ours.p95) > 0] | length > 40 and all'
  for calls in "ADD, calls at once: "{1,8,32} "DEL, calls at once: "{1,8,32} {ADD,DEL}": processor time" {ADD,DEL}": peak memory" \
    "ADD, pods up to: "{1,10}; do
    assert_match "$(figures plugins ours)" "$calls"
    assert_match "$(figures plugins reference)" "$calls"
    assert_match "$(figures plugins limit)" "$calls"
  done
  for calls in "ADD, dual stack" "ADD, ipMasq" "ADD, dual stack ÷ single" "ADD, last pods ÷ first"; do
    assert_match "$(figures plugins ours)" "$calls"
    assert_match "$(figures plugins reference)" "$calls"
  done
  for calls in {ADD,DEL}", network, hostPort and bandwidth" {ADD,DEL}", all three, mappings of another pod: 5" "ADD, all three ÷ network alone"; do
    assert_match "$(figures chain ours)" "$calls"
    assert_match "$(figures chain reference)" "$calls"
  done
  for calls in "ADD, pods on the bridge: "{3,5} {echo,TCP}" between pods, pods on the bridge: "{3,5}; do
    assert_match "$(figures guard ours)" "$calls"
    assert_match "$(figures guard reference)" "$calls"
    assert_match "$(figures guard limit)" "$calls"
  done
  for calls in {ADD,CHECK,DEL}", leases: "{0,50} {ADD,CHECK,DEL}", almost full range, leases: 250"; do
    assert_match "$(figures ipam ours)" "$calls"
    assert_match "$(figures ipam reference)" "$calls"
  done
  for calls in {ADD,CHECK,DEL}", both programs in turn, leases: 50"; do assert_match "$(figures ipam ours)" "$calls"; done
  assert_json "$json" '[.rows[] | select(.part == "counts" and .what == "ADD: processes") | .ours.median, .reference.median] == [2, 2]'
  assert_json "$json" '[.rows[] | select(.part == "counts" and (.what | test("ADD.*: (system calls|page faults|instructions)$"))) | .ours.median > 0]
    | length == 12 and all'
  assert_json "$json" '[.rows[] | select(.part == "counts" and (.what | test("^ADD(, dual stack|, ipMasq)?: netlink messages$"))) | .ours.median > 5]
    | length == 3 and all'

  jq '(.rows[] | select(.part == "counts" and .what == "ADD: processes")).ours.median = 4' <<<"$json" >"$BENCH_DIR/before.json"
  run -0 "$repo/scripts/bench" --show "$BENCH_DIR/run.json" --compare "$BENCH_DIR/before.json"
  assert_match "$output" "ADD: processes +4 +2 +-50 % +better"
}

@test "pods without a bridge have every figure too" {
  run -0 "$repo/scripts/bench" ptp --smoke --json "$BENCH_DIR/run.json"
  local what
  for what in ADD DEL {ADD,DEL}": processor time" {echo,TCP}" between pods"; do
    for who in ours reference limit; do assert_match "$(figures ptp "$who")" "$what"; done
  done
  assert_match "$(figures ptp ours)" "ADD, pods on the node: 5"
  assert_json "$(<"$BENCH_DIR/run.json")" '[.rows[] | select(.unit == "calls") | (.ours, .reference, .limit).median] | all(. == 0)'
}

@test "with Kubernetes' Nodes a run has every figure too" {
  run -0 "$repo/scripts/bench" kube --smoke --json "$BENCH_DIR/run.json"
  assert_json "$(<"$BENCH_DIR/run.json")" '[.rows[] | select(.what | startswith("Kubernetes: ")) | select(.unit == "ms" or .unit == "kB" or .unit == "kB/s")
    | .ours.median > 0] | length == 5 and all'
}

# assert_fleet LABEL: the run has figures of each scenario, in rows that begin with LABEL.
assert_fleet() {
  local what
  for what in "all join at once: all know all after" "nothing happens: store: peak memory" "rolling reboot: time for all" \
    "store away and back: all know what happened meanwhile after" \
    "store away and back without its history: all know what happened meanwhile after"; do
    assert_json "$(<"$BENCH_DIR/run.json")" '[.rows[] | select(.what == "'"$1$what"', agents" and .size == 30 and .ours.median > 0)] | length == 1'
  done
}

@test "a fleet of agents joins, reboots, and takes an etcd that comes back, with figures for each" {
  run -0 "$repo/scripts/bench" fleet --smoke --json "$BENCH_DIR/run.json"
  assert_fleet ""
}

@test "a fleet of agents in Kubernetes does the same, and lists anew only when the history is lost" {
  run -0 "$repo/scripts/bench" fleet --store kube --smoke --json "$BENCH_DIR/run.json"
  assert_fleet "Kubernetes: "
  assert_json "$(<"$BENCH_DIR/run.json")" '[.rows[] | select(.what == "Kubernetes: rolling replacement: time for all, agents")] | length == 1'
  local lists='.rows[] | select(.what | startswith("Kubernetes: store away")) | select(.what | endswith("whole lists, agents"))'
  assert_json "$(<"$BENCH_DIR/run.json")" "[$lists | .ours.median] == [0, 30]"
}
