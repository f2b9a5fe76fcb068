#include "flanneld/peers/own_networks.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "tests/unit/flanneld/test_support.h"

using flanneld::find_collision;
using flanneld::find_own_collision;
using flanneld::OwnNetwork;
using Kind = OwnNetwork::Kind;
using namespace flanneld_test;

namespace {

const auto kPods = net("10.5.0.0/16");

bool collides(const OwnNetwork& own, const std::string& subnet) {
  return find_collision({own}, net(subnet), kPods).has_value();
}

}  // namespace

TEST_CASE("own networks: a connected route keeps every subnet away that overlaps it") {
  const OwnNetwork lan{Kind::connected, net("10.5.20.0/24"), "eth1"};
  for (const char* subnet : {"10.5.20.0/24", "10.5.20.128/25", "10.5.20.0/23", "10.5.0.0/17"})
    CHECK(collides(lan, subnet));
  for (const char* subnet : {"10.5.21.0/24", "10.5.19.0/24"}) CHECK_FALSE(collides(lan, subnet));
  CHECK(find_collision({lan}, net("10.5.20.0/24"), kPods) ==
        "subnet 10.5.20.0/24 overlaps 10.5.20.0/24, to which this node is connected by 'eth1'");
}

TEST_CASE(
    "own networks: a pod network cut out of a larger one of the node works, if it holds no address of it") {
  const OwnNetwork lan{Kind::connected, net("10.0.0.0/8"), "eth0"};
  const OwnNetwork outside{Kind::address, net("10.0.0.10/32"), "eth0"};
  const OwnNetwork inside{Kind::address, net("10.5.0.10/32"), "eth0"};
  CHECK_FALSE(find_collision({lan, outside}, net("10.5.20.0/24"), kPods));
  CHECK(find_collision({lan, inside}, net("10.5.20.0/24"), kPods));
  CHECK(find_collision({OwnNetwork{Kind::connected, kPods, "eth0"}}, net("10.5.20.0/24"), kPods));
}

TEST_CASE(
    "own networks: an address keeps the subnets away that hold it, a configured route its own destination") {
  const OwnNetwork address{Kind::address, net("10.5.20.7/32"), "lo"};
  CHECK(collides(address, "10.5.20.0/24"));
  CHECK_FALSE(collides(address, "10.5.21.0/24"));
  const OwnNetwork routed{Kind::routed, net("10.5.20.0/24"), "eth0"};
  CHECK(collides(routed, "10.5.20.0/24"));
  CHECK_FALSE(collides(routed, "10.5.20.0/25"));
  CHECK_FALSE(find_own_collision({routed}, net("10.5.20.0/24"), kPods));
}

TEST_CASE("own networks: the bridge of the node's own pods does not collide with their subnet") {
  const OwnNetwork bridge{Kind::connected, net("10.5.1.0/24"), "docker0", true};
  const OwnNetwork lan{Kind::connected, net("10.5.1.0/24"), "eth1"};
  CHECK_FALSE(find_own_collision({bridge}, net("10.5.1.0/24"), kPods));
  CHECK(find_own_collision({lan}, net("10.5.1.0/24"), kPods));
  CHECK(find_collision({bridge}, net("10.5.1.0/24"), kPods));  // of another node
  CHECK(flanneld::colliding_networks({bridge, lan}, kPods) == std::vector{lan});
}
