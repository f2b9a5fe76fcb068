#include "flanneld/peers/peer_set.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tests/unit/flanneld/test_support.h"

using flanneld::Lease;
using flanneld::LeaseEvent;
using flanneld::LeaseKey;
using flanneld::PeerSet;
using namespace flanneld_test;

namespace {

/// Plans one route per IPv4 subnet, for peers of type vxlan only, and an FDB entry if the data are a MAC.
/// Junk is refused.
class RouteBackend final : public flanneld::Backend {
 public:
  [[nodiscard]] flanneld::LeaseAttributes attributes() const override { return {}; }
  [[nodiscard]] uint32_t mtu() const override { return 1450; }
  [[nodiscard]] flanneld::NodePlan node_plan(const flanneld::LeaseKey*) const override {
    return {.devices = {},
            .route_links = links,
            .networks = {},
            .own_subnets = {},
            .former = {},
            .owner = {},
            .blackholes = {}};
  }
  [[nodiscard]] bool serves(const Lease& peer) const override {
    return peer.attributes.backend_type == "vxlan";
  }
  [[nodiscard]] flanneld::PeerPlan peer_plan(const Lease& peer) const override {
    if (peer.attributes.backend_type != "vxlan") throw base::ParseError("another backend");
    if (peer.attributes.backend_data == "junk") throw base::ParseError("junk");
    flanneld::PeerPlan plan;
    plan.routes.push_back({*peer.key.subnet, peer.attributes.public_ip, "flannel.1", true});
    if (const auto mac = base::MacAddress::parse(peer.attributes.backend_data))
      plan.fdb.push_back({"flannel.1", *mac, peer.attributes.public_ip});
    return plan;
  }
  std::vector<std::string> links{"flannel.1"};
};

const auto kConfig = flanneld::NetworkConfig::parse(R"({"Network": "10.5.0.0/16"})");

}  // namespace

TEST_CASE("peer set: plans what is usable and says why the rest is not") {
  const auto backend = std::make_shared<const RouteBackend>();
  PeerSet peers;
  const Lease own = lease("10.5.1.0-24", "192.168.1.1");
  Lease strange = lease("10.5.3.0-24", "192.168.1.3");
  strange.attributes.backend_type = "host-gw";
  auto change =
      peers.reset({own, lease("10.5.2.0-24", "192.168.1.2"), strange, lease("10.9.2.0-24", "192.168.1.9")});
  CHECK(peers.plans().empty());  // nothing can be planned yet

  peers.use(kConfig, backend, own);
  CHECK(peers.plans().size() == 1);
  CHECK(peers.rejected().size() == 2);
  CHECK(peers.rejected().at(key("10.5.3.0-24")) == "another backend");

  strange.attributes.backend_type = "vxlan";
  change = peers.apply({{LeaseEvent::Kind::put, strange}});
  CHECK(peers.plans().size() == 2);
  CHECK(change.changed.size() == 1);
  CHECK(peers.rejected().size() == 1);

  strange.attributes.backend_data = "junk";  // was planned, and is unusable now
  change = peers.apply({{LeaseEvent::Kind::put, strange}});
  CHECK_FALSE(peers.plans().contains(strange.key));
  CHECK(change.rejected.size() == 1);
  CHECK(change.left.empty());

  change = peers.reset({own});
  CHECK(change.left.size() == 3);
  CHECK(peers.plans().empty());
  CHECK(peers.rejected().empty());
}

TEST_CASE("peer set: tells what has become of the plans since it was asked last") {
  PeerSet peers;
  const Lease two = lease("10.5.2.0-24", "192.168.1.2"), three = lease("10.5.3.0-24", "192.168.1.3");
  peers.reset({two, three});
  CHECK(peers.take_changes().empty());  // nothing can be planned yet
  peers.use(kConfig, std::make_shared<const RouteBackend>(), lease("10.5.1.0-24", "192.168.1.1"));
  CHECK(peers.take_changes().size() == 2);
  const auto before = peers.plans().at(two.key).plan;
  Lease moved = two;
  moved.attributes.public_ip = ip("192.168.1.22");
  peers.apply({{LeaseEvent::Kind::put, moved}});
  peers.apply({{LeaseEvent::Kind::put, lease("10.5.4.0-24", "192.168.1.4")}});
  peers.apply({{LeaseEvent::Kind::removed, lease("10.5.4.0-24", "192.168.1.4")}});
  const auto changes = peers.take_changes();
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].before == before);
  CHECK(changes[0].now.plan == peers.plans().at(two.key).plan);
  peers.use(kConfig, std::make_shared<const RouteBackend>(), lease("10.5.3.0-24", "192.168.1.3"));
  const auto own = peers.take_changes();  // what has become the own lease
  REQUIRE(own.size() == 1);
  CHECK(own[0].before->routes[0].dst == *three.key.subnet);
  CHECK_FALSE(own[0].now.plan);
  CHECK(peers.take_changes().empty());
}

TEST_CASE("peer set: of two nodes that want the same, the one that was there first has it until it goes") {
  const auto backend = std::make_shared<const RouteBackend>();
  PeerSet peers;
  const Lease own = lease("10.5.1.0-24", "192.168.1.1");
  peers.use(kConfig, backend, own);
  const Lease first = lease("10.5.2.0-24", "192.168.1.2"), other = lease("10.5.4.0-24", "192.168.1.4");
  peers.apply({{LeaseEvent::Kind::put, first}, {LeaseEvent::Kind::put, other}});

  for (const char* name : {"10.5.2.0-24&fd00::-64", "10.5.4.0-24&fd00:1::-64"}) {
    CAPTURE(name);
    const Lease late = lease(name, "192.168.1.3");
    auto change = peers.apply({{LeaseEvent::Kind::put, late}});
    CHECK_FALSE(peers.plans().contains(late.key));
    REQUIRE(change.rejected.size() == 1);
    CHECK(contains(change.rejected.front().second, "overlaps "));
    CHECK(peers.plans().size() == 2);
    change = peers.apply({{LeaseEvent::Kind::put, first}});  // nothing new, and nothing is told again
    CHECK(change.empty());
    change = peers.apply({{LeaseEvent::Kind::put, lease("10.5.7.0-24", "192.168.1.7")}});
    CHECK(change.rejected.empty());
    change = peers.apply({{LeaseEvent::Kind::removed, lease("10.5.7.0-24", "192.168.1.7")}});
    CHECK(change.rejected.empty());
    change = peers.apply({{LeaseEvent::Kind::removed, late}});
    CHECK(peers.plans().size() == 2);
    CHECK(peers.rejected().empty());
  }

  const Lease late = lease("10.5.2.0-24&fd00::-64", "192.168.1.3");
  peers.apply({{LeaseEvent::Kind::put, late}});
  Lease changed = first;
  changed.attributes.public_ip = ip("192.168.1.22");
  peers.apply({{LeaseEvent::Kind::put, changed}});  // it stays the one that was there
  CHECK(peers.plans().contains(first.key));
  CHECK(peers.rejected().contains(late.key));
  peers.use(kConfig, backend, own);
  CHECK(peers.rejected().contains(late.key));
  peers.apply({{LeaseEvent::Kind::removed, first}});
  CHECK_FALSE(peers.plans().contains(first.key));
  CHECK(peers.plans().contains(late.key));
  CHECK(peers.rejected().empty());
}

TEST_CASE("peer set: of those that one list brings, the one that the list names first counts") {
  const auto backend = std::make_shared<const RouteBackend>();
  const Lease own = lease("10.5.1.0-24", "192.168.1.1");
  std::vector<Lease> leases{lease("10.5.2.0-24", "192.168.1.2"),
                            lease("10.5.2.0-24&fd00::-64", "192.168.1.3"),
                            lease("10.5.3.0-24", "192.168.1.4")};
  for (int turn = 0; turn < 2; ++turn) {
    PeerSet peers;
    peers.reset(leases);
    peers.use(kConfig, backend, own);
    CHECK(peers.rejected().size() == 1);
    CHECK(peers.rejected().contains(leases[1].key));
    peers.reset({leases[1], leases[0]});  // which was there first counts, however it comes again
    CHECK(peers.rejected().contains(leases[1].key));
    std::swap(leases[0], leases[1]);
  }
}

TEST_CASE("peer set: one node may have two leases") {
  const auto backend = std::make_shared<const RouteBackend>();
  PeerSet peers;
  const Lease own = lease("10.5.1.0-24", "192.168.1.1");
  peers.use(kConfig, backend, own);
  const std::string mac = "c6:d2:32:6f:8f:44";
  peers.reset({lease("10.5.2.0-24", "192.168.1.2", mac), lease("10.5.3.0-24", "192.168.1.2", mac),
               lease("10.5.2.0-24&fd00::-64", "192.168.1.2", mac)});
  CHECK(peers.plans().size() == 3);
}

TEST_CASE(
    "peer set: a VTEP MAC and a public address are the node's that had them first, until it gives them up") {
  const auto backend = std::make_shared<const RouteBackend>();
  PeerSet peers;
  peers.use(kConfig, backend, lease("10.5.1.0-24", "192.168.1.1"));
  const std::string mac = "c6:d2:32:6f:8f:44", other_mac = "c6:d2:32:6f:8f:45";
  Lease first = lease("10.5.2.0-24", "192.168.1.2", mac);
  const auto put = [&](const Lease& one) { return peers.apply({{LeaseEvent::Kind::put, one}}); };
  put(first);
  const Lease same_mac = lease("10.5.0.0-24", "192.168.1.66", mac),
              same_address = lease("10.5.4.0-24", "192.168.1.2", other_mac);
  for (const Lease& thief : {same_mac, same_address}) {
    const auto change = put(thief);
    REQUIRE(change.rejected.size() == 1);
    CHECK(contains(change.rejected.front().second, "10.5.2.0/24"));
  }
  CHECK(contains(peers.rejected().at(same_mac.key),
                 "VTEP MAC c6:d2:32:6f:8f:44 is that of 192.168.1.2, whose lease is 10.5.2.0/24"));
  CHECK(
      contains(peers.rejected().at(same_address.key), "public address 192.168.1.2 is that of another lease"));
  peers.use(kConfig, backend, lease("10.5.1.0-24", "192.168.1.1"));  // a look at the node changes nothing
  CHECK(peers.plans().size() == 1);

  first.attributes.public_ip = ip("192.168.1.22");  // it has a new address and keeps its lease
  CHECK(put(first).changed.size() == 2);
  CHECK(peers.plans().contains(first.key));
  CHECK(peers.plans().contains(same_address.key));
  CHECK(peers.rejected().contains(same_mac.key));
  // One that was used and takes what is another's is used no more.
  const Lease turned = lease("10.5.4.0-24", "192.168.1.5", mac);
  CHECK(put(turned).rejected.size() == 1);
  CHECK_FALSE(peers.plans().contains(turned.key));
  CHECK(peers.plans().contains(first.key));
  peers.apply({{LeaseEvent::Kind::removed, first}});
  CHECK(peers.plans().size() == 1);
}

TEST_CASE("peer set: a public address that is no node's on this link is refused") {
  const auto backend = std::make_shared<const RouteBackend>();
  PeerSet peers;
  peers.reset({lease("10.5.2.0-24", "192.168.1.255"), lease("10.5.3.0-24", "192.168.1.0"),
               lease("10.5.4.0-24", "192.168.1.25"), lease("10.5.5.0-24", "192.0.2.1")});
  peers.use(kConfig, backend, lease("10.5.1.0-24", "192.168.1.1"), {},
            {net("192.168.1.0/24"), net("192.0.2.0/31")});
  CHECK(peers.plans().size() == 2);
  CHECK(contains(peers.rejected().at(key("10.5.2.0-24")), "broadcast address of 192.168.1.0/24"));
  CHECK(contains(peers.rejected().at(key("10.5.3.0-24")), "network address of 192.168.1.0/24"));
}

TEST_CASE(
    "peer set: after a wipe, a node that has claimed another subnet loses its old one, also without IPv4") {
  const auto backend = std::make_shared<const RouteBackend>();
  PeerSet peers;
  const Lease own = lease("10.5.1.0-24", "192.168.1.1");
  peers.use(kConfig, backend, own);
  Lease six = lease("10.5.2.0-24", "0.0.0.0"), silent = lease("10.5.4.0-24", "0.0.0.0");
  six.attributes.public_ipv6 = ip("2001:db8::2");
  silent.attributes.public_ipv6 = ip("2001:db8::4");
  peers.reset({six, silent, lease("10.5.5.0-24", "192.168.1.5")});
  const LeaseKey old_key = six.key;
  six.key = key("10.5.3.0-24");
  peers.merge({six, lease("10.5.6.0-24", "192.168.1.5")});
  CHECK_FALSE(peers.leases().contains(old_key));
  CHECK_FALSE(peers.leases().contains(key("10.5.5.0-24")));
  CHECK(peers.leases().contains(silent.key));
  CHECK(peers.leases().size() == 3);
}

TEST_CASE("peer set: needs nothing of what it was given once use() has returned") {
  PeerSet peers;
  {
    const Lease own = lease("10.5.1.0-24", "192.168.1.1");
    peers.use(kConfig, std::make_shared<const RouteBackend>(), own);
  }
  const auto change = peers.apply({{LeaseEvent::Kind::put, lease("10.5.2.0-24", "192.168.1.1")}});
  REQUIRE(change.rejected.size() == 1);
  CHECK(contains(change.rejected.front().second, "own"));
  CHECK(peers.plans().empty());
}

TEST_CASE("peer set: a plan that stays the same keeps its place, another one is published last") {
  const auto backend = std::make_shared<const RouteBackend>();
  PeerSet peers;
  const Lease own = lease("10.5.1.0-24", "192.168.1.1");
  peers.use(kConfig, backend, own);
  Lease first = lease("10.5.2.0-24", "192.168.1.2");
  const Lease second = lease("10.5.3.0-24", "192.168.1.3");
  peers.apply({{LeaseEvent::Kind::put, first}});
  peers.apply({{LeaseEvent::Kind::put, second}});
  const auto number = [&](const Lease& of) { return peers.plans().at(of.key).published; };
  CHECK(number(first) < number(second));
  const auto plan = peers.plans().at(first.key).plan;
  peers.use(kConfig, backend, own);
  CHECK(peers.plans().at(first.key).plan == plan);
  CHECK(number(first) < number(second));
  first.attributes.public_ip = ip("192.168.1.22");
  peers.apply({{LeaseEvent::Kind::put, first}});
  CHECK(number(second) < number(first));
}

TEST_CASE("peer set: a subnet that is the node's own already is refused until the node no longer has it") {
  const auto backend = std::make_shared<const RouteBackend>();
  PeerSet peers;
  const Lease own = lease("10.5.1.0-24", "192.168.1.1"), other = lease("10.5.2.0-24", "192.168.1.2");
  peers.use(kConfig, backend, own,
            {{flanneld::OwnNetwork::Kind::connected, net("10.5.2.0/24"), "eth1", false}});
  CHECK(peers.reset({own, other, lease("10.5.3.0-24", "192.168.1.3")}).joined.size() == 1);
  CHECK(contains(peers.rejected().at(other.key), "to which this node is connected by 'eth1'"));
  peers.use(kConfig, backend, own);
  CHECK(peers.plans().size() == 2);
}

TEST_CASE("peer set: a peer that changes its backend first keeps its plan while the device is there") {
  auto backend = std::make_shared<RouteBackend>();
  PeerSet peers;
  peers.use(kConfig, backend, lease("10.5.1.0-24", "192.168.1.1"));
  Lease peer = lease("10.5.2.0-24", "192.168.1.2");
  peers.reset({peer});
  const auto before = peers.plans().at(peer.key).plan;

  peer.attributes.backend_type = "wireguard";
  const auto change = peers.apply({{LeaseEvent::Kind::put, peer}});
  REQUIRE(change.kept.size() == 1);
  CHECK(contains(change.kept[0].second, "its backend is 'wireguard' now"));
  CHECK(peers.plans().at(peer.key).plan == before);
  CHECK(peers.kept().size() == 1);
  CHECK(peers.rejected().empty());

  // One that this node has never reached has no plan to keep.
  Lease other = lease("10.5.3.0-24", "192.168.1.3");
  other.attributes.backend_type = "wireguard";
  CHECK(peers.apply({{LeaseEvent::Kind::put, other}}).rejected.size() == 1);

  auto without = std::make_shared<RouteBackend>();
  without->links = {"flannel.2"};
  peers.use(kConfig, without, lease("10.5.1.0-24", "192.168.1.1"));
  CHECK(peers.plans().empty());
  CHECK(peers.kept().empty());
  CHECK(peers.rejected().contains(peer.key));
}
