#include "common/netlink/vxlan.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/support/addresses.h"

using test::ip;

TEST_CASE("vxlan device: addresses, MTU and lower link change in place, port and VNI do not") {
  netlink::VxlanSpec spec;
  spec.name = "flannel.1";
  spec.vni = 1;
  spec.local = ip("192.0.2.1");
  netlink::VxlanState state{.link = {}, .actual = spec};
  state.actual->port = 8472;
  CHECK_FALSE(incompatibility(state, spec));
  spec.mtu = 1400;
  spec.mac = base::MacAddress{{2, 0, 0, 0, 0, 5}};
  spec.local = ip("192.0.2.2");
  spec.lower = 9;
  spec.learning = true;
  CHECK_FALSE(incompatibility(state, spec));
  spec.local = ip("2001:db8::1");
  CHECK(incompatibility(state, spec));
  spec.local.reset();
  spec.port = 4789;
  CHECK(incompatibility(state, spec).value() == "its port is 8472 instead of 4789");
  spec.port = 8472;
  spec.gbp = true;
  CHECK(incompatibility(state, spec));
  spec.gbp = false;
  state.actual->vni = 2;
  CHECK(incompatibility(state, spec));
  state.actual.reset();
  state.link.kind = "bridge";
  CHECK(incompatibility(state, spec).value() == "it is a 'bridge' device");
}
