// The store on disk: bytes, trust, crashes, foreign hands, reboots.
#include <doctest/doctest.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "cni-ipam/store/lease_index.h"
#include "tests/unit/cni-ipam/store/test_support.h"

using ipam::DiskStore;
using ipam::LeaseIndex;
using Mode = ipam::DiskStore::Mode;
using namespace ipam_test;

namespace {

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

}  // namespace

TEST_CASE("leases have host-local's names, bytes and modes") {
  Node node;
  {
    const auto store = open_store(node);
    CHECK(store->reserve(ip("10.1.2.3"), lease_mark({" a \n", "eth0"})));
    CHECK(store->reserve(ip("2001:db8:0:1:0:0:0:2"), lease_mark(kA)));
    CHECK_FALSE(store->reserve(ip("10.1.2.3"), lease_mark(kB)));
    store->set_last_reserved(0, ip("10.1.2.3"));
    store->set_last_reserved(1, ip("2001:db8:0:1::2"));
  }
  CHECK(node.file("10.1.2.3") == "a\r\neth0");
  CHECK(node.file("2001:db8:0:1::2") == "a\r\neth0");
  CHECK(node.file("last_reserved_ip.0") == "10.1.2.3");
  CHECK(node.file("last_reserved_ip.1") == "2001:db8:0:1::2");
  CHECK(node.file("lock") == "");
  CHECK(mode_of(node.store + "/10.1.2.3") == 0600);
  CHECK(mode_of(node.store + "/last_reserved_ip.0") == 0600);
  CHECK(mode_of(node.store + "/lock") == 0600);
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(node.store))
    names.insert(entry.path().filename());
  CHECK(names == std::set<std::string>{"10.1.2.3", "2001:db8:0:1::2", "last_reserved_ip.0",
                                       "last_reserved_ip.1", "lock"});
}

TEST_CASE("last_reserved_ip is replaced whatever it held, and garbage in it is no address") {
  Node node;
  const auto store = open_store(node);
  CHECK_FALSE(store->last_reserved(0));
  store->set_last_reserved(0, ip("10.100.200.250"));
  store->set_last_reserved(0, ip("10.1.2.3"));
  CHECK(node.file("last_reserved_ip.0") == "10.1.2.3");
  CHECK(store->last_reserved(0) == ip("10.1.2.3"));
  for (const char* garbage : {"", "10.1.2", "10.1.2.999", "\x01\x02"}) {
    node.write("last_reserved_ip.0", garbage);
    CHECK_FALSE(store->last_reserved(0));
  }
  node.write("last_reserved_ip.0", "10.1.2.4\n");
  CHECK(store->last_reserved(0) == ip("10.1.2.4"));
  std::filesystem::remove(node.store + "/last_reserved_ip.0");
  std::filesystem::create_directory(node.store + "/last_reserved_ip.0");
  CHECK_FALSE(store->last_reserved(0));
  store->set_last_reserved(0, ip("10.1.2.5"));  // cannot; must not throw
}

TEST_CASE("only Mode::create makes a store") {
  Node node;
  CHECK(open_store(node, Mode::existing) == nullptr);
  CHECK(open_store(node, Mode::look) == nullptr);
  CHECK_FALSE(std::filesystem::exists(node.data));
  CHECK_FALSE(std::filesystem::exists(node.machine.state_directory));
}

TEST_CASE("Mode::look changes nothing") {
  Node node;
  node.write("10.1.2.3", "");
  node.write("10.1.2.4", "a\r\neth0");
  const auto before = std::filesystem::last_write_time(node.store);
  {
    const auto store = open_store(node, Mode::look);
    CHECK(store->held_by(lease_mark(kA)).size() == 1);
    CHECK(store->first_free(ip("10.1.2.3"), ip("10.1.2.4")) == ip("10.1.2.3"));
  }
  CHECK(std::filesystem::last_write_time(node.store) == before);
  CHECK(node.leases().size() == 2);
  CHECK_FALSE(node.has("lock"));
  CHECK_FALSE(std::filesystem::exists(node.machine.state_directory));
}

TEST_CASE("sees leases that others made and removed") {
  Node node;
  reserve(node, "10.1.2.3", kA);
  SUBCASE("a lease added") {
    node.write("10.1.2.7", "b\r\neth0");
    CHECK_FALSE(index_is_believed(node));
    CHECK(held(node, kB) == std::vector{ip("10.1.2.7")});
    CHECK(index_is_believed(node));
  }
  SUBCASE("a lease removed") {
    std::filesystem::remove(node.store + "/10.1.2.3");
    CHECK(held(node, kA).empty());
    CHECK(open_store(node)->first_free(ip("10.1.2.3"), ip("10.1.2.9")) == ip("10.1.2.3"));
  }
  SUBCASE("a lease given to another") {
    std::filesystem::remove(node.store + "/10.1.2.3");
    node.write("10.1.2.3", "b\r\neth0");
    CHECK(held(node, kA).empty());
    CHECK(held(node, kB) == std::vector{ip("10.1.2.3")});
  }
  SUBCASE("many, while we hold a mark of the same second") {
    for (int i = 10; i < 60; ++i) {
      node.write("10.1.2." + std::to_string(i), "x" + std::to_string(i) + "\r\neth0");
      CHECK(held(node, {"x" + std::to_string(i), "eth0"}).size() == 1);
      CHECK(index_is_believed(node));
    }
  }
  SUBCASE("the whole directory made anew") {
    std::filesystem::remove_all(node.store);
    node.write("10.1.2.9", "b\r\neth0");
    CHECK(held(node, kA).empty());
    CHECK(held(node, kB) == std::vector{ip("10.1.2.9")});
  }
}

TEST_CASE("two state directories for one store do not deceive each other") {
  Node node;
  Node other;
  ipam::Machine elsewhere = node.machine;
  elsewhere.state_directory = other.dir.path() + "/state";
  reserve(node, "10.1.2.3", kA);
  REQUIRE(DiskStore::open(node.store, Mode::create, elsewhere)->reserve(ip("10.1.2.4"), lease_mark(kB)));
  CHECK(held(node, kB) == std::vector{ip("10.1.2.4")});
  open_store(node)->release(ip("10.1.2.4"), lease_mark(kB));
  CHECK(DiskStore::open(node.store, Mode::existing, elsewhere)->find_all(lease_mark(kB), {}).empty());
}

TEST_CASE("an emptied store gives its first address again") {
  Node node;
  const std::vector<ipam::RangeSet> sets{{ipam::make_range({net("10.1.2.0/24"), {}, {}, {}})}};
  {
    const auto store = open_store(node);
    REQUIRE(store->reserve(ip("10.1.2.2"), lease_mark(kA)));
    store->set_last_reserved(0, ip("10.1.2.2"));
  }
  for (const char* name : {"10.1.2.2", "last_reserved_ip.0"})
    std::filesystem::remove(node.store + "/" + name);
  const auto store = open_store(node);
  store->follow_round_robin(sets);
  CHECK(store->first_free(ip("10.1.2.2"), ip("10.1.2.254")) == ip("10.1.2.2"));
}

TEST_CASE("reads all leases once instead of trying thousands of foreign ones") {
  Node node;
  reserve(node, "10.1.2.3", kA);
  for (uint64_t i = 0; i < 500; ++i) node.write(ip("10.1.2.4").plus(i).str(), "b\r\neth0");
  const auto store = open_store(node);
  size_t tries = 1;
  auto at = store->first_free(ip("10.1.2.4"), ip("10.1.9.9"));
  while (!store->reserve(at.value(), lease_mark({"d", "eth0"}))) {
    at = store->first_free(at->next(), ip("10.1.9.9"));
    ++tries;
  }
  CHECK(at == ip("10.1.2.4").plus(500));
  CHECK(tries < 100);
}

TEST_CASE("torn leases are free") {
  for (const char* torn : {"", " ", "\r\n", "\n\n"}) {
    Node node;
    node.write("10.1.2.3", torn);
    node.write("10.1.2.4", "a\r\neth0");
    CHECK(open_store(node)->first_free(ip("10.1.2.3"), ip("10.1.2.9")) == ip("10.1.2.3"));
    CHECK(node.leases() == std::set<std::string>{"10.1.2.4"});
    CHECK(open_store(node)->reserve(ip("10.1.2.3"), lease_mark(kB)));
    CHECK(node.file("10.1.2.3") == "b\r\neth0");
  }
}

TEST_CASE("links, directories and FIFOs stay, and keep their address from being given out") {
  Node node;
  Node outside;
  outside.write("secret", "a\r\neth0");
  node.write("notes", "a\r\neth0");
  node.write("2001:DB8::5", "a\r\neth0");  // not how an address is written
  std::filesystem::create_directory(node.store + "/10.1.2.3");
  std::filesystem::create_symlink(outside.store + "/secret", node.store + "/10.1.2.4");
  REQUIRE(::mkfifo((node.store + "/10.1.2.5").c_str(), 0600) == 0);
  CHECK(held(node, kA).empty());
  const auto store = open_store(node);
  CHECK(store->first_free(ip("10.1.2.3"), ip("10.1.2.9")) == ip("10.1.2.6"));
  CHECK_FALSE(store->reserve(ip("10.1.2.4"), lease_mark(kB)));
  store->collect([](const std::string&) { return false; });
  CHECK(node.has("notes"));
  CHECK(node.has("10.1.2.3"));
  CHECK(std::filesystem::is_symlink(node.store + "/10.1.2.4"));
  CHECK(node.has("10.1.2.5"));
  CHECK(outside.file("secret") == "a\r\neth0");
}

TEST_CASE("reads marks with line ends, of old host-locals, and of any length") {
  Node node;
  node.write("10.1.2.3", "a\r\neth0\n");
  node.write("10.1.2.4", "a\n");
  node.write("10.1.2.5", std::string(10'000, 'x'));
  CHECK(held(node, kA) == std::vector{ip("10.1.2.3")});
  CHECK(open_store(node)->find_all(ipam::legacy_mark(kA), {}) == std::vector{ip("10.1.2.4")});
  CHECK(open_store(node)->first_free(ip("10.1.2.3"), ip("10.1.2.9")) == ip("10.1.2.6"));
}

TEST_CASE("removes the leases of an earlier boot and keeps those of this one") {
  Node node;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  static int64_t boot_time;
  boot_time = (now.tv_sec - 1000) * 1'000'000'000;
  node.machine.boot_time = [] { return std::optional(boot_time); };
  node.write("10.1.2.3", "a\r\neth0", 2000);              // before
  node.write("10.1.2.4", "b\r\neth0", 900);               // since: by host-local, say, before an upgrade
  node.write("10.1.2.5", "c\r\neth0", 1001);              // too close to tell
  node.write("10.1.2.6", "d\r\neth0", -500);              // from the future
  node.write("10.1.2.8", "e\r\neth0", now.tv_sec - 100);  // 1970: the clock was not set yet
  SUBCASE("taken back on the first call") {
    CHECK(held(node, kA).empty());
    CHECK(node.leases() == std::set<std::string>{"10.1.2.4", "10.1.2.5", "10.1.2.6", "10.1.2.8"});
    // Once per boot: what grows old later is not judged again.
    node.write("10.1.2.7", "e\r\neth0", 5000);
    held(node, kA);
    CHECK(node.has("10.1.2.7"));
    // The next boot judges anew; on a machine whose /run survives, too.
    node.machine.boot_id = [] { return std::string("boot-2"); };
    held(node, kA);
    CHECK_FALSE(node.has("10.1.2.7"));
    CHECK(node.has("10.1.2.4"));
  }
  SUBCASE("once, whatever happens to /run and to the clock") {
    held(node, kA);
    node.write("10.1.2.7", "e\r\neth0", 5000);  // made while the clock was set back
    std::filesystem::remove_all(node.machine.state_directory);
    CHECK(open_store(node, Mode::look)->first_free(ip("10.1.2.7"), ip("10.1.2.9")) == ip("10.1.2.9"));
    held(node, kA);
    CHECK(node.has("10.1.2.7"));
    node.machine.boot_id = [] { return std::string("boot-2"); };
    held(node, kA);
    CHECK_FALSE(node.has("10.1.2.7"));
  }
  SUBCASE("not while the boot time is in doubt") {
    node.machine.boot_time = [] { return std::optional<int64_t>(); };
    held(node, kA);
    CHECK(node.leases().size() == 5);
  }
  SUBCASE("without a place for the record it happens all the same") {
    node.machine.state_directory = "/dev/null/x";
    held(node, kA);
    CHECK_FALSE(node.has("10.1.2.3"));
    CHECK(node.leases().size() == 4);
  }
  SUBCASE("looking counts them as free and leaves them") {
    CHECK(open_store(node, Mode::look)->first_free(ip("10.1.2.3"), ip("10.1.2.9")) == ip("10.1.2.3"));
    CHECK(node.has("10.1.2.3"));
  }
}

TEST_CASE("the boot of this machine has an id and a time in the past") {
  CHECK(base::read_boot_id().size() == 36);
  const auto boot = base::read_boot_time();
  REQUIRE(boot);
  timespec now{}, uptime{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  ::clock_gettime(CLOCK_BOOTTIME, &uptime);
  CHECK(*boot <= (now.tv_sec - uptime.tv_sec + 1) * 1'000'000'000);
}

TEST_CASE("the wait for the lock ends with an error that names it") {
  Node node;
  reserve(node, "10.1.2.3", kA);
  const base::UniqueFd lock(::open((node.store + "/lock").c_str(), O_RDONLY));
  REQUIRE(::flock(lock.get(), LOCK_EX) == 0);
  CHECK(error_of([&] { open_store(node); }) ==
        "11 lock file '" + node.store + "/lock' was held by another process for 1 s");
  CHECK(contains(details_of([&] { open_store(node); }), "fuser " + node.store + "/lock"));
}

TEST_CASE("collect keeps live leases and removes the others and half-written files") {
  Node node;
  reserve(node, "10.1.2.3", kA);
  reserve(node, "10.1.2.4", kB);
  node.write("10.1.2.5", "");
  node.write(".tmp.123.10.1.2.9", "half");
  open_store(node)->collect([](const std::string& mark) { return mark == lease_mark(kA); });
  CHECK(node.leases() == std::set<std::string>{"10.1.2.3"});
  CHECK_FALSE(node.has(".tmp.123.10.1.2.9"));
  CHECK(held(node, kA).size() == 1);
  CHECK(index_is_believed(node));
}

TEST_CASE("usage counts addresses and containers of a range set") {
  Node node;
  node.write("10.1.2.1", "gw\r\neth0");  // on the gateway: not one of those that are given out
  reserve(node, "10.1.2.2", kA);
  reserve(node, "10.1.2.3", {"a", "eth1"});
  reserve(node, "10.1.2.4", kB);
  reserve(node, "10.9.9.9", kB);
  const auto usage = open_store(node)->usage({ipam::make_range({net("10.1.2.0/29"), {}, {}, {}})});
  CHECK(usage.addresses == 5);
  CHECK(usage.held == 3);
  CHECK(usage.containers == 3);  // the stray on the gateway's address is one
}
