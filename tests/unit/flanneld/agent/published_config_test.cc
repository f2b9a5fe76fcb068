#include "flanneld/agent/published_config.h"

#include <doctest/doctest.h>

#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;

namespace {

const std::string kText = R"({"Network":"10.244.0.0/16","backend":{"Type":"wireguard","PSK":"secret"}})";

std::optional<std::string> published(const std::string& type, const std::string& data,
                                     const std::vector<Device>& devices = {}) {
  LeaseAttributes attributes = lease("10.244.1.0-24", "192.0.2.1", data).attributes;
  attributes.backend_type = type;
  return published_config(kText, attributes, devices);
}

}  // namespace

TEST_CASE("published config: VNI and port of the tunnel that the node had, and the network that it has") {
  const std::string data = R"({"VNI":4096,"VtepMAC":"02:00:00:00:00:07"})";
  CHECK(published("vxlan", data) == R"({"Backend":{"Type":"vxlan","VNI":4096},"Network":"10.244.0.0/16"})");
  Device device;
  device.kind = VxlanDevice{.vni = 4096, .port = 4789};
  CHECK(published("vxlan", data, {device}) ==
        R"({"Backend":{"Port":4789,"Type":"vxlan","VNI":4096},"Network":"10.244.0.0/16"})");
  device.kind = VxlanDevice{.vni = 1, .port = 4789};
  CHECK(published("vxlan", data, {device}) == published("vxlan", data));
  CHECK(published("host-gw", "") == R"({"Backend":{"Type":"host-gw"},"Network":"10.244.0.0/16"})");
}

TEST_CASE("published config: what does not tell enough is none") {
  CHECK_FALSE(published("", ""));
  CHECK_FALSE(published("wireguard", R"({"PublicKey":"x","Port":51820})"));  // its PSK is nobody's to know
  CHECK_FALSE(published("vxlan", "nonsense"));
  CHECK_FALSE(published_config("nonsense", lease("10.244.1.0-24", "192.0.2.1").attributes, {}));
}
