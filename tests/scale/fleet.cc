#include "tests/scale/fleet.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace scale {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr milliseconds kTick(50);

double in_seconds(flanneld::EventLoop::Clock::duration time) {
  return std::chrono::duration<double>(time).count();
}

/// Bytes that have come in at a device of this network namespace.
uint64_t received(const std::string& device) {
  std::ifstream in("/proc/self/net/dev");
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.find(':');
    if (colon == std::string::npos || line.find_first_not_of(' ') == std::string::npos) continue;
    if (line.substr(line.find_first_not_of(' '), colon - line.find_first_not_of(' ')) == device)
      return std::stoull(line.substr(colon + 1));
  }
  throw std::runtime_error(fmt::format("there is no device {}", device));
}

}  // namespace

Fleet::Fleet(FleetOptions options, StoreServer& server, StoreSide& side, Meter& meter)
    : options_(std::move(options)),
      server_(server),
      side_(side),
      meter_(meter),
      config_(flanneld::NetworkConfig::parse(kNetworkConfig)),
      by_hand_(*config_.ipv4) {
  for (uint32_t i = 0; i < options_.members; ++i)
    members_.push_back(std::make_unique<Member>(
        i, *config_.ipv4, meter_, [this](uint32_t number) { return side_.client(loop_, number); }));
}

// --- the scenarios ----------------------------------------------------------------------------------------

void Fleet::join() {
  server_.start();
  side_.await();
  side_.prepare(options_.members);
  begin("all join at once");
  for (const auto& one : members_) one->boot();
  const double leases = run_until("all have a lease", [this] { return all_have_leases(); });
  print("all have a lease after", "s", leases);
  print("all know all after", "s", leases + run_until("all know all", [this] { return all_know_all(); }));
  report_cost();
}

void Fleet::rest() {
  begin("nothing happens");
  pass(options_.rest);
  print("requests", "per s", static_cast<double>(meter_.counts().all_asked()) / in_seconds(options_.rest));
  print("store: processor time", "% of a core",
        static_cast<double>(server_.cpu_ms() - cpu_ms_) / in_seconds(options_.rest) / 10);
  report_cost();
}

void Fleet::roll(const std::string& scenario, Machine machine) {
  begin(scenario);
  const uint32_t nodes = std::min(options_.batch * options_.batches, options_.members);
  double took = 0, slowest = 0;
  for (uint32_t first = 0; first < nodes; first += options_.batch) {
    const uint32_t last = std::min(first + options_.batch, nodes);
    for (uint32_t i = first; i < last; ++i) members_[i]->stop();
    for (uint32_t i = first; i < last; ++i) {
      if (machine == Machine::another) side_.replace(i);
      members_[i]->boot();
    }
    const double batch = run_until("a batch is back", [this] { return all_have_leases() && all_know_all(); });
    took += batch;
    slowest = std::max(slowest, batch);
  }
  print("nodes", "", nodes);
  print("time for all", "s", took);
  print("slowest batch", "s", slowest);
  print("events, each node", "", static_cast<double>(meter_.counts().events) / options_.members);
  report_cost();
}

void Fleet::outage(History history) {
  begin(history == History::kept ? "store away and back" : "store away and back without its history");
  server_.kill();
  // The members stand still while something happens that they cannot see.
  server_.start();
  side_.await();
  ++hand_changes_;
  by_hand_.put(lease_by_hand());
  side_.put(lease_by_hand());
  if (history == History::lost) side_.forget();
  server_.kill();
  run_until("all notice the outage", [this] { return all_notice_outage(); });
  meter_.restart();
  pass(options_.away);
  print("attempts while it is away", "per s",
        static_cast<double>(meter_.counts().all_asked()) / in_seconds(options_.away));
  begin(scenario_);
  server_.start();
  const double known = run_until("all know what happened meanwhile", [this] { return all_know_all(); });
  print("all know what happened meanwhile after", "s", known);
  print("all are content after", "s", known + run_until("all are content", [this] { return all_content(); }));
  pass(options_.settle);
  report_cost();
}

// --- what is measured -------------------------------------------------------------------------------------

void Fleet::begin(const std::string& scenario) {
  scenario_ = scenario;
  side_.collect();
  meter_.restart();
  cpu_ms_ = server_.cpu_ms();
  received_ = received(options_.device);
  late_ = milliseconds(0);
}

double Fleet::run_until(const std::string& what, const std::function<bool()>& is_done) {
  const auto began = Clock::now();
  auto due = began;
  bool is_reached = false;
  flanneld::Timer tick(loop_, [&] {
    const auto now = Clock::now();
    late_ = std::max(late_, std::chrono::duration_cast<milliseconds>(now - due));
    side_.collect();
    is_reached = is_done();
    if (is_reached || now - began > options_.limit) return loop_.stop();
    due = now + kTick;
    tick.start(kTick);
  });
  tick.start(milliseconds(0));
  loop_.run();
  if (!is_reached) {
    report_cost();
    throw std::runtime_error(
        fmt::format("{}: '{}' is not reached within {} s", scenario_, what, options_.limit.count()));
  }
  return in_seconds(Clock::now() - began);
}

void Fleet::pass(seconds time) {
  const auto end = Clock::now() + time;
  run_until("some time passes", [&] { return Clock::now() >= end; });
}

void Fleet::print(const std::string& what, const std::string& unit, double value) const {
  fmt::print("{}: {}|{}|{:.3f}\n", scenario_, what, unit, value);
  std::fflush(stdout);
}

void Fleet::report_cost() {
  side_.collect();
  const Meter::Counts& counts = meter_.counts();
  const double members = options_.members;
  print("requests, each node", "", static_cast<double>(counts.all_asked()) / members);
  for (size_t i = 0; i < kAskNames.size(); ++i)
    if (counts.asked.at(i) != 0)
      print(fmt::format("{} requests", kAskNames.at(i)), "", static_cast<double>(counts.asked.at(i)));
  print("requests that failed", "", static_cast<double>(counts.all_failed()));
  for (const auto& [reason, count] : meter_.reasons())
    fmt::print(stderr, "{}: {} times: {}\n", scenario_, count, reason);
  print("most requests within 100 ms", "", static_cast<double>(meter_.peak()));
  print("most list pages within 100 ms", "", static_cast<double>(meter_.peak(Ask::page)));
  print("lost races", "", static_cast<double>(counts.races_lost));
  print("whole lists", "", static_cast<double>(counts.lists));
  print("received", "MB", static_cast<double>(received(options_.device) - received_) / 1e6);
  print("store: processor time", "s", static_cast<double>(server_.cpu_ms() - cpu_ms_) / 1e3);
  print("store: peak memory", "MB", static_cast<double>(server_.peak_kb()) / 1e3);
  print("simulator late by", "ms", static_cast<double>(late_.count()));
}

// --- what is to be reached --------------------------------------------------------------------------------

bool Fleet::all_have_leases() const {
  return std::all_of(members_.begin(), members_.end(),
                     [](const auto& one) { return one->lease() != nullptr; });
}

bool Fleet::all_know_all() const {
  View truth = by_hand_;
  for (const auto& one : members_) {
    if (!one->lease()) return false;
    truth.put(*one->lease());
  }
  return std::all_of(members_.begin(), members_.end(),
                     [&](const auto& one) { return one->view().sum() == truth.sum(); });
}

bool Fleet::all_content() const {
  return std::none_of(members_.begin(), members_.end(), [](const auto& one) { return one->has_outage(); });
}

bool Fleet::all_notice_outage() const {
  return std::all_of(members_.begin(), members_.end(), [](const auto& one) { return one->has_outage(); });
}

flanneld::Lease Fleet::lease_by_hand() const {
  flanneld::Lease lease;
  lease.key.subnet = config_.ipv4->nth_subnet(config_.ipv4->subnet_count() - 1);
  lease.attributes.public_ip = base::IpAddress::v4(0xac1f0001);  // 172.31.0.1
  lease.attributes.backend_type = "vxlan";
  lease.attributes.backend_data =
      fmt::format(R"({{"VNI":1,"VtepMAC":"02:ff:00:00:00:{:02x}"}})", hand_changes_ & 255);
  return lease;
}

}  // namespace scale
