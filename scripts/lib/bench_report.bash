# shellcheck shell=bash
# What scripts/bench does with figures: keeps samples, one line of JSON each in $samples; makes one document of
# them; prints that as a table, and against that of another run.
#   a sample: part, what and size name the row; who is ours, reference or limit; unit; values, one per call or run
#   a row:    part, what, size, unit, and for each who: median, p95, n
# Of the unit "per s" and "Gbit/s" more is better, of all others less. Values of the unit "calls" are added up.

# sample PART WHAT SIZE WHO UNIT VALUE...: keeps one sample. SIZE is what WHAT's last word counts, or empty.
sample() {
  jq -nc --arg part "$1" --arg what "$2" --arg size "$3" --arg who "$4" --arg unit "$5" \
    '{$part, $what, size: ($size | if . == "" then null else tonumber end), $who, $unit,
      values: ($ARGS.positional | map(tonumber))}' --args "${@:6}" >>"$samples"
}

# quotient PART WHAT WHAT1 SIZE1 WHAT2 SIZE2: keeps how the medians (ms) of two rows compare, for each who has both.
quotient() {
  jq -sc --arg part "$1" --arg what "$2" --arg what1 "$3" --arg size1 "$4" --arg what2 "$5" --arg size2 "$6" '
    def median($what; $size): map(select(.what == $what and (.size // "" | tostring) == $size) | .values[]) | sort
      | .[(length - 1) / 2 | floor];
    map(select(.part == $part and .unit == "ms")) | group_by(.who)[] | {$part, $what, size: null, who: .[0].who, unit: "×",
      values: [(median($what1; $size1) // empty) / (median($what2; $size2) // empty)]} | select(.values != [])' \
    "$samples" >"$samples.quotients"
  cat "$samples.quotients" >>"$samples"
  rm "$samples.quotients"
}

# What this machine is, as JSON.
machine_description() {
  jq -n --arg cpu "$(awk -F ': ' '/^model name/ { print $2; exit }' /proc/cpuinfo)" --arg processors "$(nproc)" \
    --arg memory "$(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo)" --arg kernel "Linux $(uname -r)" \
    --arg load "$(cut -d ' ' -f 1 /proc/loadavg)" \
    '{$cpu, processors: ($processors | tonumber), memory_mb: ($memory | tonumber / 1024 | round), $kernel,
      load_at_start: ($load | tonumber)}'
}

# What is measured, as JSON: version and commit, "-changed" if the work tree is not as committed.
project_description() {
  jq -n --arg version "$(sed -n 's/^project(flannel VERSION \([0-9.]*\).*/\1/p' "$repo/CMakeLists.txt")" \
    --arg commit "$(git -C "$repo" describe --always --dirty=-changed --exclude '*' 2>/dev/null)" '{$version, $commit}'
}

# document MACHINE SETTINGS: the samples as one document. Rows of one WHAT stand together, failed calls last in a part.
document() {
  jq -s --argjson machine "$1" --argjson settings "$2" --argjson project "$(project_description)" \
    --arg date "$(date -u +%Y-%m-%dT%H:%M:%SZ)" '
    def quantile($q): sort | .[(length * $q | ceil) - 1];
    def summary($unit): map(.values[]) |
      if $unit == "calls" then {median: add, n: length} else {median: quantile(0.5), p95: quantile(0.95), n: length} end;
    {$project, $machine, $date, $settings, rows:
      (map(select(.values != [])) | to_entries
      | group_by(.value.part) | sort_by(.[0].key) | map(group_by(.value.what) | sort_by([.[0].value.unit == "calls", .[0].key])
        | map(group_by([.value.unit, .value.size]) | sort_by(.[0].key))) | flatten(2)
      | map(map(.value) | .[0].unit as $unit | {part: .[0].part, what: .[0].what, size: .[0].size, unit: $unit}
        + (group_by(.who) | map({(.[0].who): summary($unit)}) | add)))}' "$samples"
}

# How the tables write a row's figures. A p95 that is the median too is left out.
report_jq='
  def figure: if . == null then "" else
    ((if . < 0 then -. else . end) as $size | if $size >= 100 or . == round then round
      elif $size >= 10 then . * 10 | round / 10 elif $size >= 1 then . * 100 | round / 100
      else . * 1000 | round / 1000 end) | tostring end;
  def cell: if . == null then "" else
    (.median | figure) + (if .n > 1 and .p95 and .p95 != .median then " (\(.p95 | figure))" else "" end) end;
  def name: [.what, .size] | map(select(. != null)) | join(": ");
  def more: .unit | IN("per s", "Gbit/s");
  def ratio($a; $b): if ($a.median // 0) == 0 or ($b.median // 0) == 0 then "" else ($a.median / $b.median | figure) end;
  def better: if more then ratio(.ours; .reference) else ratio(.reference; .ours) end;
  def over_limit: if more then ratio(.limit; .ours) else ratio(.ours; .limit) end;'

# table DOCUMENT: the table for people.
table() {
  local lines
  lines=$(jq -r "$report_jq"'
    reduce .rows[] as $row ([]; if .[-1][0].part == $row.part then .[-1] += [$row] else . + [[$row]] end)
    | .[] | ([.[0].part, "unit", "ours", "reference", "limit", "× better", "× limit"],
      (.[] | [name, .unit, (.ours | cell), (.reference | cell), (.limit | cell), better, over_limit]), [" "]) | @tsv' <<<"$1")
  jq -r '"flannel \(.project.version) (\(.project.commit)), \(.date)",
    "\(.machine.cpu), \(.machine.processors) processors, \(.machine.memory_mb) MB, \(.machine.kernel), load \(.machine.load_at_start)",
    "\(.settings | to_entries | map("\(.key) \(.value)") | join(", "))", ""' <<<"$1"
  column -t -s $'\t' <<<"$lines"
  cat <<'TEXT'

median (p95). × better: how many times better ours is than the reference; × limit: how many times the limit it takes.
Of rates and throughput more is better, of all else less. Reference: Debian's bridge and host-local, in `chain` with its
portmap and bandwidth behind; in `datapath`, the same network made by hand with upstream's settings and rules. Limit: the bare rtnetlink requests of an ADD or DEL, and
for ADD one process start; in `datapath`, the network by hand without any rules; in `guard`, ours with the protection of
pods switched off. In `ptp` the reference is its ptp, and the limit ours on a bridge.
TEXT
}

# The columns of a Markdown table and one of its rows.
markdown_jq='
  def header: "| | ours | reference | limit | × better | × limit |", "|---|---|---|---|---|---|";
  def line: "| \(if .part == "ipam" then "IPAM " elif .part == "flanneld" then "flanneld: " else "" end)\(name
    )\(if .unit != "" then ", " + .unit else "" end) | \(.ours | cell) | \(.reference | cell) | \(.limit | cell) | \(better) | \(over_limit) |";'

# readme DOCUMENT: the seven rows that README.md shows.
readme() {
  jq -r "$report_jq$markdown_jq"'
    header, (.rows[] | select([.part, .what, .size, .unit] | IN(
      ["plugins", "ADD, calls at once", 1, "ms"], ["plugins", "ADD, calls at once", 32, "per s"],
      ["plugins", "ADD: processor time", null, "ms"], ["ipam", "ADD, leases", 60000, "ms"],
      ["flanneld", "start, exec to last route, leases", 2000, "ms"], ["flanneld", "resident memory, leases", 2000, "kB"],
      ["datapath", "TCP over vxlan", null, "Gbit/s"])) | line)' <<<"$1"
}

# backends DOCUMENT: the table of backends that README.md shows, with the figures of the run.
backends() {
  jq -r "$report_jq"'
    .rows as $rows
    | def figures($what): first(($rows[] | select(.part == "datapath" and .what == $what)), {})
        | "\(.ours.median | figure) | \((.reference // .limit).median | figure)";
    def row($name; $needs; $mtu; $encrypted; $test):
      "| \($name) | \($needs) | \($mtu) | \($encrypted) | \(figures("TCP over \($name)")) | \(figures("TCP over \($name): processor time")) | \($test) |";
    "| Backend | Needs | MTU of 1500, over IPv4 / IPv6 | Encrypts | Gbit/s | by hand | s/GB | by hand | Shown by |",
    "|---|---|---|---|---|---|---|---|---|",
    row("vxlan"; "the kernel'"'"'s `vxlan`, UDP port 8472"; "1450 / 1430"; "no"; "`netns/flanneld_wire`, `netns/flanneld_vxlan`"),
    row("host-gw"; "nodes on one Ethernet"; "1500 / 1500"; "no"; "`netns/flanneld_wire`, `netns/flanneld_backends`"),
    row("ipip"; "the kernel'"'"'s `ipip`, IP protocol 4 let through"; "1480 / none"; "no"; "`vm/backends`, `vm/interop`"),
    row("wireguard"; "the kernel'"'"'s `wireguard`, UDP ports 51820 and 51821"; "1440 / 1420"; "yes"; "`vm/backends`, `vm/interop`"),
    row("wireguard-go"; "that program, `/dev/net/tun`, the same ports"; "1440 / 1420"; "yes"; "`netns/flanneld_wireguard`"),
    row("udp"; "`/dev/net/tun`, UDP port 8285"; "1472 / none"; "no"; "`netns/flanneld_wire`, `netns/flanneld_udp`")' <<<"$1"
}

# markdown DOCUMENT: all rows, a table for each part, as tests/bench/README.md has them.
markdown() {
  jq -r "$report_jq$markdown_jq"'
    "flannel \(.project.version), \(.date | .[:10]), \(.machine.cpu), \(.machine.processors) processors, \(.machine.kernel); \(.settings.rounds
      ) rounds of \(.settings.pods) pods.",
    (.rows | reduce .[] as $row ([]; if .[-1][0].part == $row.part then .[-1] += [$row] else . + [[$row]] end)
      | .[] | "", "### \(.[0].part)", "", header, (.[] | line))' <<<"$1"
}

# comparison DOCUMENT FILE: what our medians have become since that run, in percent; more than 10 % is pointed out.
comparison() {
  local lines
  lines=$(jq -r --slurpfile kept "$2" '
    def key: [.part, .what, .size, .unit];
    def figure: if . == null then "" elif . == round then tostring else . * 1000 | round / 1000 | tostring end;
    ($kept[0].rows | map({key: (key | tojson), value: .ours.median}) | from_entries) as $before
    | ["part", "what", "unit", "before", "now", "change", ""], (.rows[] | select(.ours) | . as $row | $before[key | tojson] as $old
    | [.part, ([.what, .size] | map(select(. != null)) | join(": ")), .unit, ($old | figure), (.ours.median | figure)]
      + if $old == null then ["", "new"] elif $old == 0 then ["", if .ours.median == 0 then "" else "was 0" end] else
        ((.ours.median / $old - 1) * 100 | round) as $change
        | ["\($change) %", if ($change | fabs) <= 10 then "" elif (.unit | IN("per s", "Gbit/s")) == ($change > 0) then "better"
          else "WORSE" end] end) | @tsv' <<<"$1") || return
  jq -r --slurpfile kept "$2" '$kept[0] as $before | "",
    "compared with flannel \($before.project.version) (\($before.project.commit)), \($before.date)",
    if ($before.machine | [.cpu, .processors, .kernel]) == (.machine | [.cpu, .processors, .kernel]) then empty
    else "on another machine: \($before.machine.cpu), \($before.machine.processors) processors, \($before.machine.kernel)" end, ""' <<<"$1"
  column -t -s $'\t' <<<"$lines"
}

# plot DOCUMENT FILE: cost against size, as SVG: IPAM ADD, and flanneld's start, against the number of leases. Zero
# leases are drawn at one, as a logarithmic axis has no zero. Fails when these parts were not measured.
plot() {
  local data who
  data=$(mktemp -d "${TMPDIR:-/tmp}/bench.XXXXXX")
  # shellcheck disable=SC2064 # the path is this function's own
  trap "rm -f '$data'/{ours,reference,start}; rmdir '$data'" RETURN
  for who in ours reference; do
    jq -r --arg who "$who" '.rows[] | select(.part == "ipam" and .what == "ADD, leases" and .[$who])
      | "\([.size, 1] | max) \(.[$who].median)"' <<<"$1" >"$data/$who"
  done
  jq -r '.rows[] | select(.part == "flanneld" and .what == "start, exec to last route, leases") | "\(.size) \(.ours.median)"' \
    <<<"$1" >"$data/start"
  [[ -s $data/ours && -s $data/start ]] || { echo "bench: a plot needs the parts ipam and flanneld" >&2 && return 1; }
  (cd "$data" && gnuplot) >"$2" <<'TEXT'
set terminal svg size 900,380 font "sans-serif,13" background "white"
set multiplot layout 1,2
set logscale xy
set grid
set key top left
set xlabel "leases held"
set ylabel "ms, median"
set title "IPAM: one ADD"
set xrange [0.8:120000]
set yrange [0.1:10000]
set xtics ("0" 1, "250" 250, "4000" 4000, "60000" 60000)
plot "ours" with linespoints lw 2 pt 7 title "flannel-ipam", "reference" with linespoints lw 2 pt 5 title "host-local"
set title "flanneld: from start to the last route"
set xlabel "leases of other nodes"
set xrange [300:8000]
set yrange [10:2000]
set xtics ("500" 500, "1000" 1000, "2000" 2000, "5000" 5000)
plot "start" with linespoints lw 2 pt 7 title "flanneld"
TEXT
}
