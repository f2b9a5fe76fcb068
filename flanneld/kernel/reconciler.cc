#include "flanneld/kernel/reconciler.h"

#include <sys/epoll.h>

#include <algorithm>
#include <utility>

#include "common/base/log.h"
#include "flanneld/kernel/actual_state.h"
#include "flanneld/kernel/device.h"
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
constexpr milliseconds kPeerRetry{1000};  // at least: each pass looks at all peers
constexpr size_t kMostLogged = 200;
constexpr int kAnswerBufferBytes = 1 << 20;

/// "add route 10.5.3.0/24" of "add route 10.5.3.0/24 via …": the rest is what a peer can change at will.
std::string_view object_of(std::string_view failure) {
  size_t end = 0;
  for (int words = 0; words < 3 && end != std::string_view::npos; ++words) end = failure.find(' ', end + 1);
  return failure.substr(0, end);
}

}  // namespace

Reconciler::Reconciler(EventLoop& loop, Heal heal, Events events)
    : loop_(loop),
      heal_(heal),
      events_(std::move(events)),
      socket_(netlink::NetlinkSocket::open()),
      monitor_(netlink::Monitor::open()),
      backoff_(kFirstRetry, kLastRetry),
      wake_timer_(loop, [this] { run_timed_pass(Because::foreign_change); }),
      slow_timer_(
          loop,
          [this] {
            run_timed_pass(Because::foreign_change);
            host_changes();  // of what the kernel does not tell, such as routes that go with an address
          }),
      retry_timer_(loop, [this] { run_timed_pass(Because::retry); }),
      host_timer_(loop, [this] {
        if (events_.host_changed) events_.host_changed();
      }) {
  socket_.enlarge_receive_buffer(kAnswerBufferBytes);
  own_port_ = socket_.port_id();
  loop_.watch(monitor_.fd(), EPOLLIN, [this](uint32_t) { take_notifications(); });
}

Reconciler::~Reconciler() { loop_.unwatch(monitor_.fd()); }

void Reconciler::reconcile(NodePlan node) {
  node_ = std::move(node);
  pass();
}

void Reconciler::reconcile(NodePlan node, const PeerPlans& peers) {
  node_ = std::move(node);
  desired_ = DesiredState(peers, node_.routes);
  leftovers_are_gone_ = false;
  knows_peers_ = true;
  pass();
}

void Reconciler::apply(PlanChanges changes) {
  try {
    const DesiredChange change = desired_.take(std::move(changes));
    send(diff_desired(change, desired_, node_, links_));
  } catch (const base::SystemError& error) {
    status_.failures.add(error.what());
  }
  conclude();
}

std::map<std::string, netlink::WireguardState> Reconciler::read_tunnels() const {
  std::map<std::string, netlink::WireguardState> states;
  for (const Device& device : node_.devices) try {
      if (!std::holds_alternative<WireguardDevice>(device.kind)) continue;
      if (auto state = wireguard_.read(device.name)) states[device.name] = std::move(*state);
    } catch (const base::SystemError& error) {
      base::log_debug(error.what());
    }
  return states;
}

void Reconciler::pass() {
  begin_look();
  status_.failures.clear();
  status_.peer_failures.clear();
  refused_.clear();
  try {
    compare_with_kernel();
  } catch (const base::SystemError& error) {
    status_.failures.add(error.what());
  }
  end_look();
  conclude();
}

void Reconciler::begin_look() {
  ++status_.passes;
  status_.drift.clear();
  wake_timer_.cancel();
}

void Reconciler::end_look() {
  last_look_ = EventLoop::Clock::now();
  slow_timer_.start(kSlowPass);
}

void Reconciler::compare_with_kernel() {
  // This look will see what earlier notifications tell of. The echoes of making a device show it half made,
  // so after them comes a second look.
  for (int looks = 0; looks < 2; ++looks) {
    drain();
    links_ = {};
    if (ensure_devices() == 0) break;
  }
  if (host_.look(socket_, node_, links_)) host_changes();
  send(find_difference());
  if (knows_peers_ && !leftovers_are_gone_) remove_leftovers();
}

void Reconciler::remove_leftovers() {
  for (const std::string& note : remove_former_devices(socket_, node_)) {
    base::log_info(note);
    ++status_.writes;
  }
  KernelWrites writes;
  for (const netlink::Route& route : read_stray_routes(socket_, node_, links_))
    writes.remove_routes.push_back(route);
  send(writes);
  leftovers_are_gone_ = true;
  node_.former.clear();  // from now on another agent may have these
}

uint64_t Reconciler::ensure_devices() {
  uint64_t writes = 0;
  status_.failures.clear();  // of the first look, if this is the second one
  status_.no_device.reset();
  status_.has_program = false;
  for (const Device& device : node_.devices) {
    DeviceResult result = ensure_device(socket_, wireguard_, device);
    if (result.needs_program && events_.needs_program) events_.needs_program(device.name);
    if (result.link.ifindex != 0) links_.set(device.name, result.link.ifindex);
    writes += result.writes;
    if (result.has_risen) risen_.insert(device.name);
    if (result.has_program) status_.has_program = true;
    if (!result.serves && !result.failures.empty()) status_.no_device = result.failures.front();
    for (std::string& failure : result.failures) status_.failures.add(std::move(failure));
    for (const std::string& note : result.notes) base::log_warning(note);
  }
  status_.writes += writes;
  watch_devices();
  return writes;
}

/// Before their entries are read.
void Reconciler::watch_devices() {
  std::vector<int> ifindexes;
  for (const Device& device : node_.devices)
    if (const auto ifindex = links_.find(device.name)) ifindexes.push_back(*ifindex);
  monitor_.watch_neighbours_of(std::move(ifindexes));
}

KernelWrites Reconciler::find_difference() {
  if (!knows_peers_) return {};
  const Look look = has_looked_ ? Look::later : Look::first;
  has_looked_ = true;
  ActualState actual = read_actual_state(socket_, wireguard_, node_, links_);
  actual.risen = std::exchange(risen_, {});
  return diff_kernel(desired_, node_, actual, links_, look);
}

void Reconciler::look_for_drift() {
  begin_look();
  try {
    drain();
    links_ = {};
    for (const Device& device : node_.devices) {
      DeviceLook look = look_at_device(socket_, wireguard_, device);
      if (look.ifindex != 0) links_.set(device.name, look.ifindex);
      if (look.drift) status_.drift.add(std::move(*look.drift));
    }
    watch_devices();
    if (host_.look(socket_, node_, links_)) host_changes();
    for (std::string& text : KernelWriter(socket_, wireguard_, links_, {}).describe(find_difference()))
      if (!refused_.contains(text)) status_.drift.add(std::move(text));
  } catch (const base::SystemError& error) {
    status_.drift.add(error.what());
  }
  end_look();
}

void Reconciler::send(const KernelWrites& writes) {
  KernelWriter writer(socket_, wireguard_, links_, [this] { take_notifications(); });
  try {
    writer.send(writes);
  } catch (const base::SystemError& error) {
    status_.failures.add(error.what());
  }
  status_.writes += writer.writes();
  for (const std::string& failure : writer.failures()) status_.failures.add(failure);
  for (const std::string& failure : writer.peer_failures()) status_.peer_failures.add(failure);
  refused_.insert(writer.refused().begin(), writer.refused().end());
}

/// Counts what is desired, and plans another pass where something failed.
void Reconciler::conclude() {
  status_.routes = desired_.routes().size();
  status_.neighbours = desired_.neighbours().size();
  status_.fdb_entries = desired_.fdb().size();
  log_failures();
  if (status_.is_well()) {
    backoff_.reset();
    retry_timer_.cancel();
    if (wireguard_.take_greeted()) retry_timer_.start(kPeerRetry);
  } else if (!retry_timer_.armed()) {
    retry_timer_.start(std::max(status_.failures.empty() ? kPeerRetry : kFirstRetry, backoff_.next()));
  }
}

/// Each failure once, until all is well again.
void Reconciler::log_failures() {
  if (status_.is_well()) {
    if (!logged_.empty()) base::log_info("the kernel's objects are as wanted again");
    logged_.clear();
    return;
  }
  if (logged_.size() > kMostLogged) return;
  for (const std::string& line : status_.failures.lines())
    if (logged_.insert(line).second) base::log_error(line);
  for (const std::string& line : status_.peer_failures.lines())
    if (logged_.insert(line).second) peer_log_.log(base::LogLevel::warning, object_of(line), line);
}

void Reconciler::run_timed_pass(Because why) {
  const uint64_t writes = status_.writes;
  const Failures failures = status_.failures, peer_failures = status_.peer_failures, drift = status_.drift;
  if (why == Because::foreign_change && heal_ == Heal::no)
    look_for_drift();
  else
    pass();
  if (writes == status_.writes && failures == status_.failures && peer_failures == status_.peer_failures &&
      drift == status_.drift)
    return;
  if (why == Because::foreign_change && writes != status_.writes) ++status_.repairs;
  if (events_.changed) events_.changed();
}

void Reconciler::take_notifications() {
  if (drain()) wake();
}

bool Reconciler::drain() {
  bool drift = false, host = false;
  const bool is_complete = monitor_.drain([&](const netlink::Change& change) {
    if (change.by_port == own_port_) return;
    const Meaning meaning = judge(change, desired_, node_, links_, host_);
    drift = drift || means_drift(meaning);
    host = host || means_host(meaning);
  });
  if (host || !is_complete) host_changes();
  return drift || !is_complete;
}

void Reconciler::host_changes() {
  if (!host_timer_.armed()) host_timer_.start(kHostSettle);
}

void Reconciler::wake() {
  if (wake_timer_.armed()) return;
  const auto quiet = EventLoop::Clock::now() - last_look_;
  const auto rest = std::chrono::ceil<milliseconds>(kPassGap - quiet);
  wake_timer_.start(std::max(kSettle, rest));
}

}  // namespace flanneld
