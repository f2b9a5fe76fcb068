#include "flanneld/kernel/reconciler.h"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "common/netlink/address.h"
#include "common/netlink/monitor.h"
#include "flanneld/kernel/actual_state.h"
#include "flanneld/kernel/desired_state.h"
#include "flanneld/kernel/device.h"
#include "flanneld/kernel/diff.h"
#include "flanneld/kernel/notifications.h"
#include "flanneld/kernel/writer.h"

namespace flanneld {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kSettle{50};    // changes seldom come alone
constexpr milliseconds kPassGap{300};  // between two looks because of notifications
constexpr milliseconds kHostSettle{100};
constexpr milliseconds kSlowPass{60'000};
constexpr milliseconds kFirstRetry{100}, kLastRetry{30'000};
constexpr int kAnswerBufferBytes = 1 << 20;

}  // namespace

struct Reconciler::State {
  State(EventLoop& the_loop, bool heals_others, Events the_events)
      : loop(the_loop),
        heals(heals_others),
        events(std::move(the_events)),
        socket(netlink::NetlinkSocket::open()),
        monitor(netlink::Monitor::open()) {
    socket.enlarge_receive_buffer(kAnswerBufferBytes);
    own_port = socket.port_id();
    loop.watch(monitor.fd(), EPOLLIN, [this](uint32_t) { take_notifications(); });
  }
  ~State() { loop.unwatch(monitor.fd()); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void pass();
  void apply_changes();
  void run_timed_pass(bool repairs_others);

 private:
  /// What every comparison with the kernel begins and ends with, whether it writes or only looks.
  void begin_look();
  void end_look();
  void compare_with_kernel();
  void look_for_drift();
  uint64_t ensure_devices();
  void look_at_devices();
  void find_route_links();
  void remember_host_link(const netlink::Link& link, const HostMemory& before);
  /// What the kernel lacks and has too much.
  KernelWrites find_difference();
  void send(const KernelWrites& writes);
  void conclude();
  void fail(std::vector<std::string> texts);
  void take_notifications();
  bool drain();
  void wake();

 public:
  EventLoop& loop;
  bool heals;
  Events events;
  netlink::NetlinkSocket socket;
  netlink::Monitor monitor;
  uint32_t own_port = 0;

  NodePlan plan;
  bool is_new_plan = true;  ///< no pass has seen it yet
  WantedState wanted;
  bool knows_peers = false;  ///< until then nothing in the kernel is too much
  LinkIndexes links;         ///< as the last pass found them
  HostMemory host;
  ReconcilerStatus status;

  EventLoop::Clock::time_point last_pass;
  Backoff backoff{kFirstRetry, kLastRetry};
  Timer wake_timer{loop, [this] { run_timed_pass(true); }};
  Timer slow_timer{loop, [this] { run_timed_pass(true); }};
  Timer retry_timer{loop, [this] { run_timed_pass(false); }};
  Timer host_timer{loop, [this] {
                     if (events.host_changed) events.host_changed();
                   }};
};

void Reconciler::State::begin_look() {
  ++status.passes;
  status.drift.clear();
  wake_timer.cancel();
}

void Reconciler::State::end_look() {
  last_pass = EventLoop::Clock::now();
  slow_timer.start(kSlowPass);
}

void Reconciler::State::pass() {
  begin_look();
  status.failures.clear();
  wanted.take_changes();  // the comparison finds them all
  try {
    compare_with_kernel();
  } catch (const base::SystemError& error) {
    fail({error.what()});
  }
  end_look();
  conclude();
}

void Reconciler::State::compare_with_kernel() {
  // What has been told so far is about to be seen. So are the echoes of making a device, which show it
  // half made: after them comes a second look.
  for (int looks = 0; looks < 2; ++looks) {
    drain();
    links = {};
    if (ensure_devices() == 0) break;
  }
  find_route_links();
  is_new_plan = false;
  send(find_difference());
}

KernelWrites Reconciler::State::find_difference() {
  if (!knows_peers) return {};
  return diff_kernel(wanted, plan, read_kernel_state(socket, plan, links), links);
}

void Reconciler::State::look_for_drift() {
  begin_look();
  try {
    drain();
    look_at_devices();
    find_route_links();
    for (std::string& text : KernelWriter(socket, links, {}).describe(find_difference()))
      status.drift.add(std::move(text));
  } catch (const base::SystemError& error) {
    status.drift.add(error.what());
  }
  end_look();
}

void Reconciler::State::look_at_devices() {
  links = {};
  for (const Device& device : plan.devices) {
    DeviceLook look = look_at_device(socket, device);
    if (look.ifindex != 0) links.set(device.name, look.ifindex);
    if (look.drift) status.drift.add(std::move(*look.drift));
  }
}

uint64_t Reconciler::State::ensure_devices() {
  uint64_t writes = 0;
  std::vector<std::string> failures;
  for (const Device& device : plan.devices) {
    DeviceResult result = ensure_device(socket, device);
    if (result.link.ifindex != 0) links.set(device.name, result.link.ifindex);
    writes += result.writes;
    failures.insert(failures.end(), result.failures.begin(), result.failures.end());
    for (const std::string& note : result.notes) base::log_warning(note);
  }
  status.writes += writes;
  status.failures.clear();  // of the first look, if this is the second one
  fail(std::move(failures));
  return writes;
}

void Reconciler::State::find_route_links() {
  const HostMemory before = std::exchange(host, {});
  host.addresses = before.addresses;
  for (const std::string& name : plan.route_links) {
    if (links.find(name)) continue;
    const auto link = netlink::find_link(socket, name);
    if (!link) continue;
    links.set(name, link->ifindex);
    remember_host_link(*link, before);
  }
  for (const Device& device : plan.devices) {
    const int lower = device.lower;
    if (lower == 0 || host.links.contains(lower)) continue;
    if (const auto link = netlink::find_link(socket, lower)) remember_host_link(*link, before);
  }
  // A link that has gone, or come back with another index, between two notifications.
  for (const auto& [ifindex, link] : before.links)
    if (!is_new_plan && !host.links.contains(ifindex) && !host_timer.armed()) host_timer.start(kHostSettle);
}

void Reconciler::State::remember_host_link(const netlink::Link& link, const HostMemory& before) {
  host.links[link.ifindex] = host_link(link);
  const auto known = before.links.find(link.ifindex);
  if (known == before.links.end()) {
    for (const netlink::Address& address : netlink::addresses_of(socket, link))
      host.addresses.insert({link.ifindex, address.net});
  } else if (known->second != host.links[link.ifindex] && !host_timer.armed()) {
    host_timer.start(kHostSettle);
  }
}

void Reconciler::State::apply_changes() {
  try {
    send(writes_for(wanted.take_changes(), links));
  } catch (const base::SystemError& error) {
    fail({error.what()});
  }
  conclude();
}

void Reconciler::State::send(const KernelWrites& writes) {
  KernelWriter writer(socket, links, [this] { take_notifications(); });
  try {
    writer.send(writes);
  } catch (const base::SystemError& error) {
    fail({error.what()});
  }
  status.writes += writer.writes();
  fail(writer.failures());
}

void Reconciler::State::fail(std::vector<std::string> texts) {
  for (std::string& text : texts) status.failures.add(std::move(text));
}

/// The counts, and a later look where something failed.
void Reconciler::State::conclude() {
  status.routes = wanted.routes().size();
  status.neighbours = wanted.neighbours().size();
  status.fdb_entries = wanted.fdb().size();
  if (status.failures.empty()) {
    backoff.reset();
    retry_timer.cancel();
  } else if (!retry_timer.armed()) {
    retry_timer.start(backoff.next());
  }
}

void Reconciler::State::run_timed_pass(bool repairs_others) {
  const uint64_t writes = status.writes;
  const Failures failures = status.failures, drift = status.drift;
  if (repairs_others && !heals)
    look_for_drift();
  else
    pass();
  if (writes == status.writes && failures == status.failures && drift == status.drift) return;
  if (repairs_others && writes != status.writes) ++status.repairs;
  if (events.changed) events.changed();
}

void Reconciler::State::take_notifications() {
  if (drain()) wake();
}

/// True when something that is wanted may be gone.
bool Reconciler::State::drain() {
  bool drift = false, host_change = false;
  const bool complete = monitor.drain([&](const netlink::Change& change) {
    if (change.by_port == own_port) return;
    const Judgement judgement = judge(change, wanted, plan, links, host);
    drift = drift || judgement.drift;
    host_change = host_change || judgement.host;
  });
  if ((host_change || !complete) && !host_timer.armed()) host_timer.start(kHostSettle);
  return drift || !complete;
}

void Reconciler::State::wake() {
  if (wake_timer.armed()) return;
  const auto quiet = EventLoop::Clock::now() - last_pass;
  const auto rest = std::chrono::ceil<milliseconds>(kPassGap - quiet);
  wake_timer.start(std::max(kSettle, rest));
}

Reconciler::Reconciler(EventLoop& loop, bool heals, Events events)
    : state_(std::make_unique<State>(loop, heals, std::move(events))) {}

Reconciler::~Reconciler() = default;

void Reconciler::set_node(const NodePlan& plan) {
  state_->plan = plan;
  state_->is_new_plan = true;
}

void Reconciler::apply(const PeerPlans& upserted, const std::vector<LeaseKey>& removed) {
  for (const LeaseKey& lease : removed) state_->wanted.remove(lease);
  for (const auto& [lease, plan] : upserted) state_->wanted.put(lease, plan);
  if (state_->is_new_plan)
    state_->pass();
  else
    state_->apply_changes();
}

void Reconciler::reset(PeerPlans peers) {
  state_->wanted.reset(std::move(peers));
  state_->knows_peers = true;
  state_->pass();
}

void Reconciler::reconcile() { state_->pass(); }

const ReconcilerStatus& Reconciler::status() const { return state_->status; }

}  // namespace flanneld
