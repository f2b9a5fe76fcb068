// The bare limit of an attachment: just the rtnetlink requests of an ADD or DEL, and for ADD one
// process start besides (this program itself, called with an argument, parses one JSON document).
// No files, no checks, no bridge address: nothing that keeps the result right.
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "common/base/file.h"
#include "common/base/process.h"
#include "common/json/json.h"
#include "common/netlink/address.h"
#include "common/netlink/bridge.h"
#include "common/netlink/link.h"
#include "common/netlink/route.h"
#include "common/netlink/veth.h"

namespace {

std::string env(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// bench17 -> 17, of which the address and the link name follow.
unsigned container_number() {
  return static_cast<unsigned>(std::strtoul(env("CNI_CONTAINERID").c_str() + 5, nullptr, 10));
}

void add(const char* self) {
  const std::string config = base::read_all(STDIN_FILENO, 1 << 20, "stdin");
  base::run_process({.program = self, .arguments = {"ipam"}, .environment = {}, .input = config});
  const netlink::Netns netns = netlink::Netns::look_up(env("CNI_NETNS")).netns.value();
  auto node = netlink::NetlinkSocket::open();
  auto pod = netlink::NetlinkSocket::open_in(netns);
  const netlink::Link bridge = netlink::ensure_bridge(node, {"limit0", 1450, false}).link;
  const std::string name = "bare" + std::to_string(container_number());
  netlink::create_veth(node, {{name, base::MacAddress::random()},
                              {"eth0", base::MacAddress::random()},
                              &netns,
                              bridge.ifindex,
                              1450});
  const auto link = netlink::find_link(pod, "eth0");
  const base::IpAddress gateway = *base::IpAddress::parse("10.98.0.1");
  netlink::add_address(pod, *link, {gateway.plus(1 + container_number()), 16});
  netlink::set_up(pod, *link);
  const netlink::Route route{
      .dst = base::default_route(base::Family::v4), .gw = gateway, .ifindex = link->ifindex};
  pod.request(netlink::add_route_request(route), "add route");
}

void del() {
  auto pod = netlink::NetlinkSocket::open_in(netlink::Netns::look_up(env("CNI_NETNS")).netns.value());
  netlink::remove_link(pod, "eth0");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc > 1) {
      static_cast<void>(json::parse(base::read_all(STDIN_FILENO, 1 << 20, "stdin"), "stdin"));
    } else if (env("CNI_COMMAND") == "ADD") {
      add(argv[0]);
    } else {
      del();
    }
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    static_cast<void>(::write(STDERR_FILENO, error.what(), std::strlen(error.what())));
    return EXIT_FAILURE;
  }
}
