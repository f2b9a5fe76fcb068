#include "flanneld/agent/runtime_config.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "common/base/file.h"
#include "tests/support/fake_time.h"
#include "tests/support/temp_dir.h"

namespace {

using std::chrono::seconds;

constexpr const char* kConf = R"({"name": "cbr0", "plugins": [{"type": "flannel"}]})";
constexpr const char* kOther = R"({"name": "cbr1", "plugins": [{"type": "flannel"}]})";

struct ConfiguredNode {
  ConfiguredNode() {
    std::filesystem::create_directory(fmt::format("{}/net.d", dir.path()));
    options.cni_conf_source = fmt::format("{}/cni-conf.json", dir.path());
    options.cni_conf = fmt::format("{}/net.d/10-flannel.conflist", dir.path());
  }
  void set_source(const char* text) const { base::write_file_atomic(options.cni_conf_source, text, 0644); }
  [[nodiscard]] std::string conf() const { return base::read_file(options.cni_conf, 1000).value_or("none"); }

  test::TempDir dir;
  test::FakeTime time;
  flanneld::Options options;
  int changes = 0;
  flanneld::RuntimeConfig config{time.loop, options, [this] { ++changes; }};
};

}  // namespace

TEST_CASE("runtime configuration: is put in place by start() and not before, and none that nobody asks for") {
  ConfiguredNode node;
  node.set_source(kConf);
  node.time.advance(seconds(200));
  CHECK(node.conf() == "none");
  node.config.start();
  CHECK(node.conf() == kConf);
  CHECK_FALSE(node.config.problem());
  CHECK(node.changes == 0);

  ConfiguredNode other;
  other.options.cni_conf.clear();
  other.config.start();
  CHECK_FALSE(other.time.loop.next_deadline());
  CHECK_FALSE(other.config.problem());
}

TEST_CASE("runtime configuration: is back within a minute of its removal, and follows its source") {
  ConfiguredNode node;
  node.set_source(kConf);
  node.config.start();
  std::filesystem::remove(node.options.cni_conf);
  node.time.advance(seconds(60));
  CHECK(node.conf() == kConf);
  node.set_source(kOther);
  node.config.start();  // the agent has been ready again
  CHECK(node.conf() == kConf);
  node.time.advance(seconds(60));
  CHECK(node.conf() == kOther);
}

TEST_CASE(
    "runtime configuration: what is wrong is told as long as it lasts, and a good one is left in place") {
  ConfiguredNode node;
  node.config.start();
  REQUIRE(node.config.problem());
  CHECK(node.config.problem()->find("cni-conf.json': No such file") != std::string::npos);
  CHECK(node.changes == 1);
  node.set_source(kConf);
  node.time.advance(seconds(5));
  CHECK_FALSE(node.config.problem());
  CHECK(node.conf() == kConf);
  node.set_source("{");
  node.time.advance(seconds(65));
  REQUIRE(node.config.problem());
  CHECK(node.conf() == kConf);
  CHECK(node.changes == 3);
  node.set_source(kConf);
  base::write_file_atomic(fmt::format("{}/net.d/05-other.conf", node.dir.path()), "{", 0644);
  node.time.advance(seconds(5));
  REQUIRE(node.config.problem());
  CHECK(node.config.problem()->find("05-other.conf', which sorts before") != std::string::npos);
}
