#include "flanneld/store/saved_leases.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <initializer_list>
#include <string>

#include "tests/support/temp_dir.h"
#include "tests/unit/flanneld/test_support.h"

using flanneld::SavedState;
using namespace flanneld_test;

TEST_CASE("saved leases: what is saved comes back, and rubbish is refused") {
  const test::TempDir directory("/tmp/flanneld-test.XXXXXX");
  const std::string file = directory.path() + "/below/leases.json";
  CHECK_FALSE(flanneld::load_state(file));
  SavedState state{"etcd at http://192.0.2.1:2379, prefix /coreos.com/network",
                   "14841639068965178418",
                   R"({"Network": "10.5.0.0/16"})",
                   R"({"Network": "10.5.0.0/16", "Backend": {"Type": "vxlan"}})",
                   lease("10.5.1.0-24", "192.168.1.1"),
                   {lease("10.5.2.0-24&fd00:5:2::-64", "192.168.1.2", R"({"VNI":1})")}};
  flanneld::save_state(file, state);
  const auto loaded = flanneld::load_state(file);
  REQUIRE(loaded);
  CHECK(loaded->store == state.store);
  CHECK(loaded->cluster == state.cluster);
  CHECK(loaded->network_config == state.network_config);
  CHECK(loaded->former_config == state.former_config);
  CHECK(loaded->own.key == state.own.key);
  REQUIRE(loaded->peers.size() == 1);
  CHECK(loaded->peers[0].attributes == state.peers[0].attributes);
  CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms::others_all) ==
        std::filesystem::perms::none);

  for (const char* bad : {"", "{", "[]", R"({"own": 1})", R"({"own": {"key": "../x", "value": "{}"}})"})
    CHECK_FALSE(parse_failure([&] { SavedState::parse(bad); }).empty());
}
