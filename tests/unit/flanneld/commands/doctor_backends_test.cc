#include "flanneld/commands/doctor_backends.h"

#include <doctest/doctest.h>

#include <cerrno>

#include "common/netlink/link_kinds.h"
#include "tests/support/scoped_netns.h"

TEST_CASE("doctor: the backends that this node can serve, and why not the others") {
  CHECK(flanneld::check_backends({.link_kinds = {{"vxlan", "ipip"}}, .tun_error = 0}).finding ==
        "this node can serve host-gw, extension, alloc, vxlan, ipip, udp");
  CHECK(flanneld::check_backends({.link_kinds = {{"vxlan"}}, .tun_error = ENOENT}).finding ==
        "this node can serve host-gw, extension, alloc, vxlan; not ipip (the kernel has none, unless "
        "`modprobe ipip` "
        "finds it), "
        "udp (/dev/net/tun: No such file or directory; see `modprobe tun`)");
  CHECK(
      flanneld::check_backends({.link_kinds = std::nullopt, .tun_error = 0}).finding ==
      "this node can serve host-gw, extension, alloc, udp; not vxlan (not known: this process may not try), "
      "ipip (not known: this process may not try)");
}

TEST_CASE_FIXTURE(ScopedNetns, "link kinds: known ones are told from unknown ones") {
  if (!made()) return;
  const auto known = netlink::known_link_kinds({"veth", "wormhole"});
  REQUIRE(known);
  CHECK(*known == std::set<std::string>{"veth"});
}
