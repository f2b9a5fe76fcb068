#include "flanneld/backend/extension.h"

#include <doctest/doctest.h>

#include "tests/unit/flanneld/backend/node.h"

using flanneld::PlannedNotice;
using namespace flanneld_test;

namespace {

const std::string kCommands =
    R"({"Type":"extension","PreStartupCommand":"pre","PostStartupCommand":"post","SubnetAddCommand":" add $SUBNET ",)"
    R"("SubnetRemoveCommand":"remove"})";

flanneld::Lease extension_peer(const std::string& name, const std::string& data) {
  flanneld::Lease peer = lease(name, "192.0.2.2", data);
  peer.attributes.backend_type = "extension";
  return peer;
}

std::unique_ptr<flanneld::Backend> backend_with_output(BackendNode& node, const std::string& output) {
  return flanneld::make_backend({.config = node.config,
                                 .external = node.external,
                                 .devices = {},
                                 .routes = {},
                                 .startup_output = output});
}

}  // namespace

TEST_CASE("extension: the lease has the interface's address, and as its data what the command wrote") {
  BackendNode node(kCommands);
  node.external.public_ipv4 = ip("203.0.113.9");
  CHECK(flanneld::command_before_lease(node.config)->text == "pre");
  CHECK_FALSE(flanneld::command_before_lease(BackendNode(R"({"Type":"extension"})").config));
  CHECK_FALSE(flanneld::command_before_lease(BackendNode(R"({"Type":"vxlan"})").config));
  CHECK(node.backend()->attributes().format() ==
        R"({"PublicIP":"192.0.2.1","PublicIPv6":null,"BackendType":"extension"})");
  CHECK(contains(node.backend()->hints().at(0), "not that of --public-ip"));
  CHECK(backend_with_output(node, "")->attributes().backend_data == R"("")");
  CHECK(backend_with_output(node, "a \"<k>\" & \u2028\n")->attributes().backend_data ==
        R"("a \"\u003ck\u003e\" \u0026 \u2028\n")");
  CHECK(contains(parse_failure([&] { backend_with_output(node, std::string(2000, '<')); }), "4096 bytes"));
  CHECK(node.backend()->mtu() == 1500);
}

TEST_CASE("extension: the command after the lease has the variables of Go flanneld, odd ones included") {
  const auto variables = [](const BackendNode& node, const char* own) {
    return node.backend()->command_after_lease(key(own)).value().variables;
  };
  CHECK(variables(BackendNode(kCommands), "10.244.1.0-24") ==
        std::vector<std::string>{"NETWORK=10.244.0.0/16", "SUBNET=10.244.1.0/24", "IPV6SUBNET=::/0",
                                 "PUBLIC_IP=192.0.2.1", "PUBLIC_IPV6=<nil>"});
  CHECK(variables(BackendNode(kCommands, kDual), "10.244.1.0-24&fd00:10:0:1::-64") ==
        std::vector<std::string>{"NETWORK=10.244.0.0/16", "SUBNET=10.244.1.0/24",
                                 "IPV6SUBNET=fd00:10:0:1::/64", "PUBLIC_IP=192.0.2.1",
                                 "PUBLIC_IPV6=2001:db8::1"});
}

TEST_CASE(
    "extension: programs are told of a peer's subnet, address and data; data of another shape are none") {
  const auto backend = BackendNode(kCommands).backend();
  CHECK(backend->peer_commands() == flanneld::PeerCommands{.add = "add $SUBNET", .remove = "remove"});
  const PlannedNotice notice{.subnet = net("10.244.2.0/24"), .address = ip("192.0.2.2"), .data = "a\nb"};
  CHECK(backend->peer_plan(extension_peer("10.244.2.0-24", R"("a\nb")")).notice == notice);
  CHECK(backend->peer_plan(extension_peer("10.244.2.0-24", "")).notice->data.empty());
  CHECK(contains(parse_failure([&] { backend->peer_plan(extension_peer("10.244.2.0-24", "{}")); }),
                 "its backend data must be a string, not object"));
  CHECK(contains(parse_failure([&] { backend->peer_plan(lease("10.244.2.0-24", "192.0.2.2")); }),
                 "is of backend 'vxlan' instead of backend 'extension'"));
  // Without an IPv4 subnet there would be a default route in the variables.
  CHECK_FALSE(backend->peer_plan(extension_peer("0.0.0.0-0&fd00:10:0:2::-64", "")).notice);
}

TEST_CASE("extension: options are texts; one that is not run is hinted at, a misspelt one refused") {
  CHECK(contains(failure(BackendNode(R"({"Type":"extension","SubnetAddCommand":["ip"]})")),
                 "SubnetAddCommand"));
  CHECK(contains(failure(BackendNode(R"({"Type":"extension","SubnetAddComand":"ip"})")),
                 "did you mean 'SubnetAddCommand'"));
  const auto backend = BackendNode(R"({"Type":"extension","ShutdownCommand":"tailscale down"})").backend();
  CHECK(contains(backend->hints().at(0), "runs no ShutdownCommand"));
  CHECK(backend->peer_commands().empty());
  CHECK_FALSE(backend->command_after_lease(key("10.244.1.0-24")));
}
