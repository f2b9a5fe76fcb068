#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "cni-flannel/scratch_store.h"
#include "common/base/file.h"

using cni::Json;
using flannel::ScratchStore;

namespace {

struct Store {
  std::string root;
  std::string dir;
  Store() {
    char name[] = "/tmp/flannel-scratch.XXXXXX";
    root = ::mkdtemp(name);
    dir = root + "/flannel";
  }
  ~Store() { std::filesystem::remove_all(root); }
  [[nodiscard]] ScratchStore net(const std::string& network) const { return {dir, network}; }
  [[nodiscard]] std::string read(const std::string& name) const {
    return base::read_file(dir + "/" + name, 1000).value_or("absent");
  }
  void write(const std::string& name, const std::string& text) const {
    const auto fd = base::make_directory(dir, 0700);
    base::replace_file_at(fd.get(), name, text, 0600);
  }
};

const Json kConfig = Json::parse(R"({"name":"net","type":"bridge"})");
const cni::Attachment kEth0{"c1", "eth0"};
const cni::Attachment kNet1{"c1", "net1"};

}  // namespace

TEST_CASE("scratch: upstream's file, its bytes and modes") {
  const Store store;
  CHECK(store.net("net").save(kEth0, kConfig));
  CHECK(store.read("c1") == R"({"name":"net","type":"bridge"})");
  struct stat status {};
  REQUIRE(::stat((store.dir + "/c1").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  REQUIRE(::stat(store.dir.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);
  store.net("net").remove(kEth0);
  CHECK(std::filesystem::is_empty(store.dir));
}

TEST_CASE("scratch: nothing is made by looking") {
  const Store store;
  CHECK_FALSE(store.net("net").load(kEth0).has_value());
  store.net("net").remove(kEth0);
  CHECK(store.net("net").list().empty());
  CHECK_FALSE(std::filesystem::exists(store.dir));
}

TEST_CASE("scratch: a second save keeps the first, replace does not") {
  const Store store;
  CHECK(store.net("net").save(kEth0, kConfig));
  CHECK_FALSE(store.net("net").save(kEth0, Json{{"name", "other"}}));
  CHECK(store.net("net").load(kEth0) == kConfig);
  store.net("net").replace(kEth0, Json{{"name", "net"}, {"new", 1}});
  CHECK(store.net("net").load(kEth0)->contains("new"));
  CHECK(store.read("c1") == store.read("c1:eth0"));
}

TEST_CASE("scratch: two attachments of one container do not collide") {
  const Store store;
  const Json second = Json::parse(R"({"name":"net2"})");
  CHECK(store.net("net").save(kEth0, kConfig));
  CHECK(store.net("net2").save(kNet1, second));
  CHECK(store.net("net").load(kEth0) == kConfig);
  CHECK(store.net("net2").load(kNet1) == second);
  CHECK(store.read("c1") == kConfig.dump());  // upstream's name is the first one's
  store.net("net2").remove(kNet1);
  store.net("net2").remove(kNet1);
  CHECK(store.net("net").load(kEth0) == kConfig);
  CHECK(store.read("c1") == kConfig.dump());
  store.net("net").remove(kEth0);
  CHECK(std::filesystem::is_empty(store.dir));
}

TEST_CASE("scratch: upstream's file is taken over, of the right network only") {
  const Store store;
  store.write("c1", kConfig.dump());
  CHECK(store.net("net").load(kEth0) == kConfig);
  CHECK_FALSE(store.net("other").load(kEth0).has_value());
  store.net("other").remove(kEth0);
  CHECK(store.read("c1") == kConfig.dump());
  CHECK(store.net("net").list() == std::vector<cni::Attachment>{{"c1", ""}});
  store.net("net").remove({"c1", ""});
  CHECK(std::filesystem::is_empty(store.dir));
}

TEST_CASE("scratch: a torn file is none, and goes") {
  const Store store;
  for (const char* torn : {"", "{\"name\":\"ne", "[]", "5"}) {
    store.write("c1", torn);
    CHECK_FALSE(store.net("net").load(kEth0).has_value());
    store.net("net").remove(kEth0);
    CHECK(store.read("c1") == "absent");
  }
}

TEST_CASE("scratch: list skips what is no attachment's") {
  const Store store;
  store.net("net").save(kEth0, kConfig);
  store.write("..:eth0", "x");
  store.write("c2:..", "x");
  store.write(".tmp.1.c3", "x");
  CHECK(store.net("net").list() == std::vector<cni::Attachment>{kEth0});
}
