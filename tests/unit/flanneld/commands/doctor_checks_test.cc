#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "flanneld/backend/registry.h"
#include "flanneld/commands/doctor_checks.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;
using State = Finding::State;

namespace {

uint32_t overhead(const std::string& name) { return find_device_overhead("vxlan", name).value(); }

flannel::SubnetEnv env() {
  flannel::SubnetEnv env;
  env.networks = {net("10.244.0.0/16")};
  env.subnet = net("10.244.1.1/24");
  env.mtu = 1450;
  return env;
}

}  // namespace

TEST_CASE(
    "doctor: IPv6 that is switched off fails where pods need it, and warns where links are yet to be made") {
  CHECK(check_ipv6({}).state == State::ok);
  const Finding later = check_ipv6({"all", "default"});
  CHECK(later.state == State::warn);
  CHECK(contains(later.finding, "net/ipv6/conf/all/disable_ipv6, net/ipv6/conf/default/disable_ipv6 are 1"));
  const Finding bridge = check_ipv6({"default", "cni0"});
  CHECK(bridge.state == State::fail);
  CHECK(contains(bridge.finding, "the pods' IPv6 needs it at 'cni0'"));
  CHECK(contains(bridge.advice,
                 "sysctl -w net/ipv6/conf/default/disable_ipv6=0 net/ipv6/conf/cni0/disable_ipv6=0,"));
}

TEST_CASE("doctor: bridge netfilter that is off or not loaded is a warning") {
  CHECK(check_bridge_filter("1").state == State::ok);
  CHECK(check_bridge_filter("0").state == State::warn);
  CHECK(check_bridge_filter(std::nullopt).advice == "modprobe br_netfilter");
}

TEST_CASE("doctor: the external interface is shown with the rule that chose it, or fails with the reasons") {
  InterfaceChoice choice;
  choice.rejected = {"default route: there is no IPv4 default route"};
  const Finding none = check_interface(choice, choice, "eth0 192.168.1.5");
  CHECK(none.state == State::fail);
  CHECK(contains(none.finding, "no IPv4 default route; candidates: eth0 192.168.1.5"));
  choice.chosen =
      ExternalInterface{2, "eth0", 1500, ip("192.168.1.5"), {}, ip("203.0.113.9"), {}, "--iface=eth0"};
  const Finding chosen = check_interface(choice, choice, "eth0 192.168.1.5");
  CHECK(chosen.state == State::ok);
  CHECK(contains(chosen.finding, "'eth0' 192.168.1.5, public 203.0.113.9, MTU 1500, by --iface=eth0"));
  CHECK(!contains(chosen.finding, "kept"));
  InterfaceChoice anew;
  anew.chosen = ExternalInterface{3, "tun0", 1400, ip("10.8.0.6"), {}, ip("10.8.0.6"), {}, "default route"};
  CHECK(
      contains(check_interface(choice, anew, "").finding,
               "kept while it serves, the choice would now be 'tun0' 10.8.0.6, MTU 1400, by default route"));
}

TEST_CASE("doctor: an MTU fails when it does not fit into what carries it") {
  MtuFacts facts{1500, 1450, 1450, {{"flannel.1", 1450, 50}}};
  CHECK(check_mtu(facts).state == State::ok);
  facts.external = 1400;
  CHECK(contains(check_mtu(facts).finding, "do not fit the interface"));
  facts.external = 1500;
  facts.pods = 1500;
  CHECK(contains(check_mtu(facts).finding,
                 "FLANNEL_MTU does not fit flannel.1; large packets are turned back or lost"));
  CHECK(contains(check_mtu(facts).advice, "drain the node"));  // a pod alone would get the old one again
  facts.pods = 1450;
  facts.bridge = 1500;
  CHECK(check_mtu(facts).state == State::warn);  // pods that run keep it, and new ones agree with them
  facts.bridge = 1400;
  CHECK(check_mtu(facts).state == State::warn);
  CHECK(contains(check_mtu(facts).advice, "once none is left (on a bridge that others use too, when"));
  CHECK_FALSE(contains(check_mtu(facts).finding, "lost"));
  CHECK(check_mtu({1500, {}, 1500, {}}).state == State::ok);  // host-gw
  CHECK(check_mtu({}).state == State::ok);
}

TEST_CASE("doctor: a VXLAN device over IPv6 needs 20 bytes more than one over IPv4") {
  MtuFacts facts;
  facts.external = 1500;
  facts.devices = {{"flannel.1", 1450, overhead("flannel.1")},
                   {"flannel-v6.1", 1430, overhead("flannel-v6.1")}};
  CHECK(check_mtu(facts).state == State::ok);
  facts.devices.back().mtu = 1431;
  CHECK(check_mtu(facts).state == State::fail);
  CHECK(contains(check_mtu(facts).finding, "flannel-v6.1 and its overhead of 70 bytes"));
}

TEST_CASE("doctor: the tunnel's UDP port is fine while the kernel's VXLAN alone receives on it") {
  CHECK(check_udp_port({.port = 8472, .has_device = true, .is_bound = true}).state == State::ok);
  CHECK(check_udp_port({.port = 8472}).state == State::ok);
  CHECK(check_udp_port({.port = 8472, .has_device = true}).state == State::fail);
  UdpPortFacts by_program{.port = 51820, .kind = "WireGuard", .has_device = true, .is_bound = true};
  by_program.owner = "78 (wireguard-go)";
  CHECK(check_udp_port(by_program).state == State::ok);
  by_program.owner = "78 (named)";
  CHECK(check_udp_port(by_program).state == State::fail);
  CHECK(contains(check_wireguard(false, "").finding, "Debian's package wireguard-go"));
  const Finding taken = check_udp_port({.port = 8472, .is_bound = true, .owner = "77 (named)"});
  CHECK(taken.state == State::fail);
  CHECK(contains(taken.finding, "process 77 (named) has taken it"));
}

TEST_CASE("doctor: the bridge must have the address that the subnet file gives it") {
  CHECK(check_bridge_address(std::nullopt, env()).state == State::ok);
  CHECK(check_bridge_address({{net("10.244.1.1/24")}}, env()).state == State::ok);
  const Finding other = check_bridge_address({{net("10.244.7.1/24")}}, env());
  CHECK(other.state == State::fail);
  CHECK(contains(other.finding, "cni0 has 10.244.7.1/24, and subnet.env says 10.244.1.1/24"));
  CHECK(contains(check_bridge_address({{net("fe80::1/64")}}, env()).finding, "cni0 has no address"));
}

TEST_CASE(
    "doctor: a bridge with pods that is down is set up again, one without pods is left to the next ADD") {
  const std::vector<base::IpNet> own{net("10.244.1.1/24")};
  const Finding down = check_bridge_address(own, env(), 2, false);
  CHECK(down.state == State::fail);
  CHECK(down.repairs == std::vector<Repair>{{Repair::Kind::set_link_up, "cni0"}});
  CHECK(check_bridge_address(own, env(), 0, false).state == State::ok);
}

TEST_CASE("doctor: a node without room for one more pod is told, and is not broken") {
  const auto room = [](uint64_t held, size_t ports) {
    return check_room(flannel::PodAddresses{net("10.244.1.0/24"), held, 253}, ports);
  };
  CHECK(room(252, 252).state == State::ok);
  CHECK(room(252, 252).finding == "252 of 253 addresses of 10.244.1.0/24 are held");
  CHECK(room(253, 20).state == State::warn);
  CHECK(contains(room(253, 20).advice, "/var/lib/cni/networks"));
  CHECK(room(20, 1023).state == State::warn);
  CHECK(contains(room(20, 1023).finding, "cni0 has 1023 ports"));
  CHECK(check_room(std::nullopt, 3).state == State::ok);
}

TEST_CASE("doctor: a kernel's lacks and ports that nobody guards are warnings, and many ports are counted") {
  CHECK(check_pod_ports({.ports = 3, .open = {}}) ==
        std::vector<Finding>{{State::ok, "pod ports", "3 of 3 are kept to their pods' addresses"}});
  const auto lacking = check_pod_ports({.ports = 3, .open = {}, .lacks = {"it cannot lock a port"}});
  REQUIRE(lacking.size() == 1);
  CHECK(lacking[0].state == State::warn);
  CHECK(lacking[0].finding == "it cannot lock a port");
  const std::vector<guard::LeftOpen> open(12, {"veth1", "its pod forwards packets of others"});
  const auto many = check_pod_ports({.ports = 20, .open = open});
  REQUIRE(many.size() == 11);
  CHECK(many[0].state == State::warn);
  CHECK(many[0].finding == "what comes by 'veth1' is not checked: its pod forwards packets of others");
  CHECK(many[10].finding == "so for 2 more");
}

TEST_CASE("doctor: VMware's driver is told of where it carries VXLAN") {
  CHECK(check_driver("eth0", "vmxnet3", true)->state == State::warn);
  CHECK(!check_driver("eth0", "vmxnet3", false));
  CHECK(!check_driver("eth0", "virtio_net", true));
}

TEST_CASE("doctor: a bridge without ports that has another subnet can be removed, one with pods cannot") {
  const std::vector<base::IpNet> stale{net("10.9.0.1/24")};
  CHECK(check_bridge_address(stale, env(), 0).repairs ==
        std::vector<Repair>{{Repair::Kind::remove_link, "cni0"}});
  CHECK(check_bridge_address(stale, env(), 3).repairs.empty());
  CHECK(check_bridge_address(stale, env(), 3).state == State::fail);
}
