#include "flanneld/probe/prober.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <random>

#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;

namespace {

/// The peers of a node, as they come and go.
struct Peers {
  void put(int number, int host, bool has_v6) {
    const std::string v4 = fmt::format("10.5.{}.0", number), v6 = fmt::format("fd00:5:0:{}::", number);
    const std::string name = has_v6 ? fmt::format("{}-24&{}-64", v4, v6) : fmt::format("{}-24", v4);
    Lease one = lease(name, fmt::format("192.0.2.{}", host));
    PeerPlan plan;
    plan.routes.push_back({.dst = net(fmt::format("{}/24", v4)), .link = "flannel.1"});
    if (has_v6) plan.routes.push_back({.dst = net(fmt::format("{}/64", v6)), .link = "flannel-v6.1"});
    remove(number);
    plans[one.key] = {std::make_shared<const PeerPlan>(std::move(plan)), ++published};
    leases[one.key] = std::move(one);
  }
  void remove(int number) {
    const auto is_its = [&](const auto& one) {
      return one.first.subnet == net(fmt::format("10.5.{}.0/24", number));
    };
    std::erase_if(plans, is_its);
    std::erase_if(leases, is_its);
  }
  LeaseMap leases;
  PeerPlans plans;
  uint64_t published = 0;
};

std::map<ProbePath, ProbeTarget> targets_of(const Prober& prober) {
  std::map<ProbePath, ProbeTarget> targets;
  for (const auto& [path, result] : prober.results()) targets.emplace(path, result.target);
  return targets;
}

}  // namespace

TEST_CASE(
    "prober: whatever peers come, change and go, it has the paths that one has which knew nothing before") {
  EventLoop loop;
  const auto nothing = [](const Prober::Change&) {};
  const Lease own = lease("10.5.1.0-24&fd00:5:0:1::-64", "192.0.2.1");
  Prober prober(loop, std::chrono::seconds(30), nothing);
  Peers peers;
  std::mt19937 random(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same each time
  const auto pick = [&](int count) { return static_cast<int>(random() % static_cast<unsigned>(count)); };
  for (int step = 0; step < 400; ++step) {
    for (int i = pick(4); i >= 0; --i) {
      const int number = 2 + pick(30);
      if (pick(3) == 0)
        peers.remove(number);
      else
        peers.put(number, 2 + pick(200), pick(2) == 0);
    }
    const bool has_devices = step < 300;
    prober.use(own, peers.leases, peers.plans, has_devices, 1450);
    Prober fresh(loop, std::chrono::seconds(30), nothing);
    fresh.use(own, peers.leases, peers.plans, has_devices, 1450);
    REQUIRE(targets_of(prober) == targets_of(fresh));
  }
  CHECK(prober.results().size() > 10);
}
