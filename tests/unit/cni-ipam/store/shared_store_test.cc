// Two programs on one directory: ours, and one that does as host-local does (facts: its allocator and its
// disk backend). The directory itself is the truth.
#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

#include "cni-ipam/conf.h"
#include "cni-ipam/store/lease_file.h"
#include "cni-ipam/verbs.h"
#include "tests/unit/cni-ipam/test_support.h"

using namespace ipam_test;

namespace {

/// What host-local does to a store, without its lock: a test has one thread.
class HostLocal {
 public:
  HostLocal(const Node& node, std::vector<ipam::RangeSet> sets) : node_(node), sets_(std::move(sets)) {}

  [[nodiscard]] std::vector<base::IpAddress> held_by(const std::string& id) const {
    std::vector<base::IpAddress> held;
    for (const std::string& name : node_.leases())
      if (node_.file(name) == id + "\r\neth0") held.push_back(ip(name));
    return held;
  }

  /// False when it holds an address already, or none is free.
  bool add(const std::string& id) const {
    if (!held_by(id).empty()) return false;
    for (size_t set = 0; set < sets_.size(); ++set)
      if (!take(set, id)) {
        del(id);
        return false;
      }
    return true;
  }

  /// An address asked for, in the first set only.
  bool add_requested(const std::string& id, const base::IpAddress& address) const {
    if (!held_by(id).empty() || node_.has(address.str())) return false;
    give(0, address, id);
    return true;
  }

  void del(const std::string& id) const {
    for (const base::IpAddress& address : held_by(id))
      std::filesystem::remove(node_.store + "/" + address.str());
  }

 private:
  void give(size_t set, const base::IpAddress& address, const std::string& id) const {
    node_.write(address.str(), id + "\r\neth0");
    node_.write("last_reserved_ip." + std::to_string(set), address.str());
  }

  bool take(size_t set, const std::string& id) const {
    const auto last = base::IpAddress::parse(node_.file("last_reserved_ip." + std::to_string(set)));
    for (const ipam::Interval& interval : ipam::full_turn(sets_[set], last))
      for (auto at = interval.first;; at = at.next()) {
        if (!node_.has(at.str())) {
          give(set, at, id);
          return true;
        }
        if (at == interval.last) break;
      }
    return false;
  }

  const Node& node_;
  std::vector<ipam::RangeSet> sets_;
};

constexpr const char* kRanges =
    R"("ranges": [[{"subnet": "10.1.2.0/27"}, {"subnet": "10.1.3.0/28"}], [{"subnet": "fd00::/122"}]])";
constexpr size_t kAddresses = 29 + 13;  // of the smaller set

struct Shared {
  Node node;
  HostLocal other{node, ipam::parse_ranges(node.request("x", kRanges))};
  uint32_t seed;

  explicit Shared(uint32_t first) : seed(first) { std::filesystem::create_directories(node.store); }
  uint32_t random(uint32_t below) { return (seed = seed * 1664525 + 1013904223) / 65536 % below; }

  std::string add(const std::string& id) {
    return error_of([&] { ipam::add(node.request(id, kRanges), node.machine); });
  }
  void add_and_judge(const std::string& id) {
    const auto before = node.leases();
    const auto held = other.held_by(id);
    const std::string error = add(id);
    const auto now = other.held_by(id);
    const bool full = v4_leases(before) == kAddresses;
    if (!held.empty())
      REQUIRE_MESSAGE(error.starts_with("101 "), id, ": ", error);
    else if (full)
      REQUIRE_MESSAGE(error.starts_with("11 "), id, ": ", error);
    else
      REQUIRE_MESSAGE(error.empty(), id, ": ", error);
    if (!error.empty()) {
      REQUIRE(node.leases() == before);
      return;
    }
    REQUIRE(now.size() == 2);
    for (const auto& address : now) REQUIRE_FALSE(before.contains(address.str()));
    REQUIRE(node.leases().size() == before.size() + 2);
  }
  void del_and_judge(const std::string& id) {
    const size_t before = node.leases().size();
    const size_t held = other.held_by(id).size();
    ipam::del(node.request(id, kRanges), node.machine);
    REQUIRE(other.held_by(id).empty());
    REQUIRE(node.leases().size() == before - held);
  }
  void check_and_judge(const std::string& id) {
    const bool held = !other.held_by(id).empty();
    REQUIRE(error_of([&] { ipam::check(node.request(id, kRanges), node.machine); }).empty() == held);
  }
  static size_t v4_leases(const std::set<std::string>& names) {
    return static_cast<size_t>(std::count_if(names.begin(), names.end(), [](const std::string& name) {
      return name.find('.') != std::string::npos;
    }));
  }
};

}  // namespace

TEST_CASE("in turns with host-local every answer is as if all leases had been read") {
  for (const uint32_t seed : {1U, 2U}) {
    Shared shared(seed);
    for (int step = 0; step < 120; ++step) {
      const std::string id = "c" + std::to_string(shared.random(60));
      switch (shared.random(4)) {
        case 0:
          shared.other.add(id);
          break;
        case 1:
          shared.other.add_requested(id, ip("10.1.2.2").plus(shared.random(29)));
          break;
        default:
          shared.other.del(id);
      }
      // Its container as often as not: a second ADD, or a DEL, of what it has just made.
      const std::string own = shared.random(2) == 0 ? id : "c" + std::to_string(shared.random(60));
      switch (shared.random(4)) {
        case 0:
          shared.del_and_judge(own);
          break;
        case 1:
          shared.check_and_judge(own);
          break;
        default:
          shared.add_and_judge(own);
      }
    }
  }
}

TEST_CASE("whatever host-local did in between, no address is given twice, lost or kept") {
  for (const uint32_t seed : {3U, 4U}) {
    Shared shared(seed);
    for (int step = 0; step < 120; ++step) {
      for (uint32_t i = shared.random(12); i > 0; --i) {
        const std::string id = "c" + std::to_string(shared.random(60));
        switch (shared.random(5)) {
          case 0:
          case 1:
            shared.other.add(id);
            break;
          case 2:
            shared.other.add_requested(id, ip("10.1.2.2").plus(shared.random(29)));
            break;
          default:
            shared.other.del(id);
        }
      }
      const std::string id = "c" + std::to_string(shared.random(60));
      const uint32_t what = shared.random(4);
      if (what == 0)
        shared.del_and_judge(id);
      else if (what == 1)
        shared.check_and_judge(id);
      else if (shared.other.held_by(id).empty())  // as a runtime does: no ADD without a DEL in between
        shared.add_and_judge(id);
    }
    // Every address that is free can still be had.
    const size_t free = kAddresses - Shared::v4_leases(shared.node.leases());
    for (size_t i = 0; i < free; ++i) REQUIRE(shared.add("last" + std::to_string(i)).empty());
    CHECK(shared.add("more").starts_with("11 "));
  }
}

TEST_CASE("follows a hundred ADDs by host-local") {
  Node node;
  const std::string range = R"("subnet": "10.1.0.0/16")";
  const HostLocal other(node, ipam::parse_ranges(node.request("x", range)));
  ipam::add(node.request("ours", range), node.machine);
  for (int i = 0; i < 100; ++i) REQUIRE(other.add("c" + std::to_string(i)));
  for (const char* id : {"c0", "c57", "c99"})
    CHECK(error_of([&] { ipam::add(node.request(id, range), node.machine); }).starts_with("101 "));
}
