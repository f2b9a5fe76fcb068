// What the tests of the packet filter's part share.
#pragma once

#include "flanneld/traffic/traffic_spec.h"
#include "tests/unit/flanneld/test_support.h"

namespace flanneld_test {

/// One IPv4 network, masqueraded.
inline flanneld::TrafficSpec spec() {
  flanneld::TrafficSpec spec;
  spec.networks = {{net("10.244.0.0/16"), net("10.244.1.0/24")}};
  spec.masquerade = {.v4 = true, .v6 = true};
  return spec;
}

}  // namespace flanneld_test
