#include "flanneld/node/subnet_file.h"

#include <doctest/doctest.h>

#include <string>

#include "common/base/file.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld_test;

TEST_CASE("subnet file: is written once, and read back as the subnet") {
  const test::TempDir directory("/tmp/flanneld-test.XXXXXX");
  const std::string file = directory.path() + "/run/subnet.env";
  const auto config = flanneld::NetworkConfig::parse(R"({"Network": "10.5.0.0/16"})");
  CHECK_FALSE(flanneld::read_previous_lease(file));
  const auto env = flanneld::make_subnet_env(config, key("10.5.72.0-24"), 1450, true);
  CHECK(flanneld::write_subnet_file(file, env));
  CHECK(*base::read_file(file, 4096) ==
        "FLANNEL_NETWORK=10.5.0.0/16\nFLANNEL_SUBNET=10.5.72.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n");
  CHECK_FALSE(flanneld::write_subnet_file(file, env));
  CHECK(flanneld::read_previous_lease(file) == key("10.5.72.0-24"));
  base::write_file_atomic(file, "FLANNEL_SUBNET=nonsense\n", 0644);
  CHECK_FALSE(parse_failure([&] { flanneld::read_previous_lease(file); }).empty());
}
