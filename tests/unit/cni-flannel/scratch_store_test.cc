#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "cni-flannel/scratch_store.h"
#include "common/base/file.h"
#include "common/base/text.h"

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

const json::Value kConfig = json::Value::parse(R"({"name":"net","type":"bridge"})");
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
  CHECK_FALSE(store.net("net").save(kEth0, json::Value{{"name", "other"}}));
  CHECK(store.net("net").load(kEth0) == kConfig);
  store.net("net").replace(kEth0, json::Value{{"name", "net"}, {"new", 1}});
  CHECK(store.net("net").load(kEth0)->contains("new"));
  CHECK(store.read("c1") == store.net("net").load(kEth0)->dump());
}

TEST_CASE("scratch: two attachments of one container do not collide") {
  const Store store;
  const json::Value second = json::Value::parse(R"({"name":"net2"})");
  CHECK(store.net("net").save(kEth0, kConfig));
  CHECK(store.net("net2").save(kNet1, second));
  CHECK(store.net("net").load(kEth0) == kConfig);
  CHECK(store.net("net2").load(kNet1) == second);
  CHECK(store.read("c1") == kConfig.dump());  // upstream's name is the first one's
  CHECK(store.read("c1:net1") == second.dump());
  store.net("net2").remove(kNet1);
  store.net("net2").remove(kNet1);
  CHECK(store.net("net").load(kEth0) == kConfig);
  CHECK(store.read("c1") == kConfig.dump());
  store.net("net").remove(kEth0);
  CHECK(std::filesystem::is_empty(store.dir));
}

TEST_CASE(
    "scratch: the first attachment has upstream's name alone, and is not taken for another of its network") {
  const Store store;
  CHECK(store.net("net").save(kEth0, kConfig));
  CHECK(store.read("c1:eth0") == "absent");
  CHECK(store.net("net").list() == std::vector<cni::Attachment>{kEth0});
  CHECK_FALSE(store.net("net").load(kNet1).has_value());
  store.net("net").remove(kNet1);  // was never made
  CHECK(store.net("net").load(kEth0) == kConfig);
  std::filesystem::remove(store.dir + "/c1");  // as upstream's DEL does
  CHECK(std::filesystem::is_empty(store.dir));
  CHECK(store.net("net").save(kNet1, kConfig));
  CHECK(store.read("c1") == kConfig.dump());
}

TEST_CASE("scratch: the two names of one file that earlier versions wrote go together") {
  const Store store;
  store.write("c1:eth0", kConfig.dump());
  std::filesystem::create_hard_link(store.dir + "/c1:eth0", store.dir + "/c1");
  CHECK(store.net("net").list() == std::vector<cni::Attachment>{kEth0});
  CHECK(store.net("net").load(kEth0) == kConfig);
  CHECK_FALSE(store.net("net").load(kNet1).has_value());
  CHECK_FALSE(store.net("net").save(kEth0, kConfig));
  store.net("net").remove(kEth0);
  CHECK(std::filesystem::is_empty(store.dir));
}

TEST_CASE("scratch: what upstream's DEL left of an earlier version does not come before the new file") {
  const Store store;
  store.write("c1:eth0", R"({"name":"stale"})");
  CHECK(store.net("net").save(kEth0, kConfig));
  CHECK(store.net("net").load(kEth0) == kConfig);
  store.net("net").remove(kEth0);
  CHECK(std::filesystem::is_empty(store.dir));
}

TEST_CASE("scratch: a torn file of each name does not keep a new one away") {
  const Store store;
  store.write("c1", "");
  store.write("c1:eth0", "{");
  CHECK_FALSE(store.net("net").save(kEth0, kConfig));
  store.net("net").replace(kEth0, kConfig);
  CHECK(store.net("net").load(kEth0) == kConfig);
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

TEST_CASE("scratch: what is too long or a directory blocks nothing") {
  const Store store;
  store.write("c1:eth0", std::string(5 << 20, ' '));
  CHECK_FALSE(store.net("net").load(kEth0).has_value());
  store.net("net").remove(kEth0);
  CHECK(std::filesystem::is_empty(store.dir));
  std::filesystem::create_directories(store.dir + "/c1:eth0");
  CHECK_FALSE(store.net("net").load(kEth0).has_value());
  store.net("net").replace(kEth0, kConfig);
  store.net("net").remove(kEth0);
  CHECK(std::filesystem::exists(store.dir + "/c1:eth0"));
}

TEST_CASE("scratch: files of an earlier boot go on the first call, but for other programs'") {
  const Store store;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  static std::optional<int64_t> boot_time;
  boot_time = (now.tv_sec - 1000) * 1'000'000'000;
  ipam::Machine machine{store.root + "/state", [] { return std::string("boot-1"); },
                        [] { return boot_time; }};
  const auto put = [&](const std::string& name, const std::string& text, time_t age) {
    store.write(name, text);
    const timespec times[2] = {{now.tv_sec - age, 0}, {now.tv_sec - age, 0}};
    ::utimensat(AT_FDCWD, (store.dir + "/" + name).c_str(), times, 0);
  };
  store.net("net").save(kEth0, kConfig);  // of this boot
  put("old", kConfig.dump(), 2000);
  put("old:eth0", kConfig.dump(), 2000);
  put("torn", "{", 2000);
  put(".tmp.7.old2", "{", 2000);
  put("close", kConfig.dump(), 1001);  // too close to tell
  put("future", kConfig.dump(), -5000);
  put("unset", kConfig.dump(), now.tv_sec - 100);  // 1970: the clock was not set yet
  put("macvlan", R"({"name":"net","type":"macvlan"})", 2000);
  put("dhcp", R"({"name":"net","type":"bridge","ipam":{"type":"dhcp"}})", 2000);
  const auto sweep = [&] { store.net("net").take_back_dead(machine); };
  const auto is_there = [&](const char* name) { return std::filesystem::exists(store.dir + "/" + name); };
  SUBCASE("once in a boot") {
    sweep();
    for (const char* gone : {"old", "old:eth0", "torn", ".tmp.7.old2"}) CHECK_FALSE(is_there(gone));
    for (const char* kept : {"c1", "close", "future", "unset", "macvlan", "dhcp"}) CHECK(is_there(kept));
    put("old", kConfig.dump(), 5000);
    sweep();
    CHECK(is_there("old"));
    machine.boot_id = [] { return std::string("boot-2"); };
    sweep();
    CHECK_FALSE(is_there("old"));
    CHECK(is_there("c1"));
  }
  SUBCASE("and the boot is recorded by the directory's name") {
    sweep();
    const std::string name = base::path_as_name(store.dir);
    CHECK(base::read_file(store.root + "/state/" + name + ".swept", 64) == "boot-1");
  }
  SUBCASE("once, whatever happens to /run and to the clock") {
    sweep();
    if (::getxattr(store.dir.c_str(), "user.flannel.boot", nullptr, 0) < 0) {
      MESSAGE("skipped: the file system keeps no attributes");
      return;
    }
    put("back", kConfig.dump(), 5000);  // made while the clock was set back
    std::filesystem::remove_all(machine.state_directory);
    sweep();
    CHECK(is_there("back"));
    CHECK(store.net("net").has_attachments(machine));
  }
  SUBCASE("not while the boot time is in doubt, nor without a place for the record") {
    SUBCASE("") { boot_time.reset(); }
    SUBCASE("") { machine.state_directory = "/dev/null/x"; }
    sweep();
    CHECK(is_there("old"));
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

TEST_CASE("scratch: attachments of the network and of this boot are those of running pods") {
  const Store store;
  const ipam::Machine machine{
      .state_directory = store.root,
      .boot_id = [] { return "b"; },
      .boot_time = [] { return std::optional<int64_t>(1'700'000'000'000'000'000); },
  };
  CHECK_FALSE(store.net("net").has_attachments(machine));
  CHECK(store.net("net").save(kEth0, kConfig));
  CHECK(store.net("net").has_attachments(machine));
  CHECK_FALSE(store.net("other").has_attachments(machine));
  const timespec old[2] = {{1'600'000'000, 0}, {1'600'000'000, 0}};
  REQUIRE(::utimensat(AT_FDCWD, fmt::format("{}/c1", store.dir).c_str(), old, 0) == 0);
  CHECK_FALSE(store.net("net").has_attachments(machine));
  store.write("c2", R"({"name":"net","type":"bridge"})");  // by upstream's plugin
  CHECK(store.net("net").has_attachments(machine));
}
