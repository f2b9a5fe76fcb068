// The store on disk and its index: bytes, trust, crashes, foreign hands, reboots.
#include <doctest/doctest.h>
#include <sys/file.h>

#include <algorithm>

#include "cni-ipam/disk_store.h"
#include "cni-ipam/lease_index.h"
#include "ipam_test_support.h"

using ipam::DiskStore;
using ipam::LeaseIndex;
using ipam::Owner;
using Mode = ipam::DiskStore::Mode;
using namespace ipam_test;

namespace {

const Owner kA{"a", "eth0"};
const Owner kB{"b", "eth0"};

std::unique_ptr<DiskStore> open_store(const Node& node, Mode mode = Mode::create) {
  return DiskStore::open(node.store, mode, node.machine, 1);
}

void reserve(const Node& node, const std::string& address, const Owner& owner) {
  REQUIRE(open_store(node)->reserve(ip(address), owner));
}

std::vector<base::IpAddress> held(const Node& node, const Owner& owner) {
  return open_store(node)->find_all(owner.mark(), {});
}

/// Whether the next call believes the index.
bool index_is_believed(const Node& node) {
  struct stat status {};
  REQUIRE(::stat(node.store.c_str(), &status) == 0);
  const auto index = LeaseIndex::open(ipam::index_path(node.machine.state_directory, node.store),
                                      {node.machine.boot_id(), status.st_dev, status.st_ino}, false);
  return index && index->mark() == status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

}  // namespace

TEST_CASE("ipam store: bytes, names and modes are host-local's") {
  Node node;
  {
    const auto store = open_store(node);
    CHECK(store->reserve(ip("10.1.2.3"), {" a \n", "eth0"}));
    CHECK(store->reserve(ip("2001:db8:0:1:0:0:0:2"), kA));
    CHECK_FALSE(store->reserve(ip("10.1.2.3"), kB));
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
  CHECK(mode_of(node.store + "/lock") == 0750);
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(node.store))
    names.insert(entry.path().filename());
  CHECK(names == std::set<std::string>{"10.1.2.3", "2001:db8:0:1::2", "last_reserved_ip.0",
                                       "last_reserved_ip.1", "lock"});
}

TEST_CASE("ipam store: the cursor survives garbage and shrinks") {
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

TEST_CASE("ipam store: a store that is not there is not made") {
  Node node;
  CHECK(open_store(node, Mode::existing) == nullptr);
  CHECK(open_store(node, Mode::look) == nullptr);
  CHECK_FALSE(std::filesystem::exists(node.data));
  CHECK_FALSE(std::filesystem::exists(node.machine.state_directory));
}

TEST_CASE("ipam store: looking changes nothing") {
  Node node;
  node.write("10.1.2.3", "");
  node.write("10.1.2.4", "a\r\neth0");
  const auto before = std::filesystem::last_write_time(node.store);
  {
    const auto store = open_store(node, Mode::look);
    CHECK(store->held_by(kA.mark()).size() == 1);
    CHECK(store->first_free(ip("10.1.2.3"), ip("10.1.2.4")) == ip("10.1.2.3"));
  }
  CHECK(std::filesystem::last_write_time(node.store) == before);
  CHECK(node.leases().size() == 2);
  CHECK_FALSE(node.has("lock"));
  CHECK_FALSE(std::filesystem::exists(node.machine.state_directory));
}

TEST_CASE("ipam store: owners are found through the index and without it") {
  Node node;
  reserve(node, "10.1.2.3", kA);
  reserve(node, "10.1.2.4", kB);
  reserve(node, "fd00::3", kA);
  CHECK(index_is_believed(node));
  for (const bool with_index : {true, false}) {
    if (!with_index) std::filesystem::remove_all(node.machine.state_directory);
    CHECK(held(node, kA) == std::vector{ip("10.1.2.3"), ip("fd00::3")});
    CHECK(held(node, kB) == std::vector{ip("10.1.2.4")});
    CHECK(held(node, {"a", "eth1"}).empty());
    CHECK(held(node, {"c", "eth0"}).empty());
  }
  open_store(node)->release(ip("10.1.2.3"), kA.mark());
  CHECK(held(node, kA) == std::vector{ip("fd00::3")});
  CHECK(open_store(node)->first_free(ip("10.1.2.3"), ip("10.1.2.9")) == ip("10.1.2.3"));
}

TEST_CASE("ipam store: what others did to the directory is seen") {
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

TEST_CASE("ipam store: two views of the state directory do not deceive each other") {
  Node node;
  Node other;
  ipam::Machine elsewhere = node.machine;
  elsewhere.state_directory = other.dir.path() + "/state";
  reserve(node, "10.1.2.3", kA);
  REQUIRE(DiskStore::open(node.store, Mode::create, elsewhere)->reserve(ip("10.1.2.4"), kB));
  CHECK(held(node, kB) == std::vector{ip("10.1.2.4")});
  open_store(node)->release(ip("10.1.2.4"), kB.mark());
  CHECK(DiskStore::open(node.store, Mode::existing, elsewhere)->find_all(kB.mark(), {}).empty());
}

TEST_CASE("ipam store: an incomplete index errs on the safe side") {
  Node node;
  reserve(node, "10.1.2.3", kA);
  reserve(node, "10.1.2.4", {"c", "eth0"});
  std::filesystem::remove(node.store + "/10.1.2.4");  // a foreign hand
  node.write("10.1.2.5", "b\r\neth0");
  const auto store = open_store(node);
  CHECK(store->held_by(kA.mark()) == std::vector{ip("10.1.2.3")});
  CHECK(store->held_by(Owner{"c", "eth0"}.mark()).empty());
  CHECK(store->held_by(kB.mark()).empty());  // not known yet
  CHECK(store->first_free(ip("10.1.2.3"), ip("10.1.2.9")) == ip("10.1.2.5"));
  CHECK_FALSE(store->reserve(ip("10.1.2.5"), {"d", "eth0"}));
  CHECK(store->held_by(kB.mark()) == std::vector{ip("10.1.2.5")});  // now it is
  CHECK(store->held_by(Owner{"d", "eth0"}.mark()).empty());
  CHECK(store->look_again());
  CHECK(store->first_free(ip("10.1.2.3"), ip("10.1.2.9")) == ip("10.1.2.4"));
  CHECK_FALSE(store->look_again());
}

TEST_CASE("ipam store: a store that was emptied gives its first address again") {
  Node node;
  const std::vector<ipam::RangeSet> sets{{ipam::make_range({net("10.1.2.0/24"), {}, {}, {}})}};
  {
    const auto store = open_store(node);
    REQUIRE(store->reserve(ip("10.1.2.2"), kA));
    store->set_last_reserved(0, ip("10.1.2.2"));
  }
  for (const char* name : {"10.1.2.2", "last_reserved_ip.0"})
    std::filesystem::remove(node.store + "/" + name);
  const auto store = open_store(node);
  store->follow_round_robin(sets);
  CHECK(store->first_free(ip("10.1.2.2"), ip("10.1.2.254")) == ip("10.1.2.2"));
}

TEST_CASE("ipam store: thousands of foreign leases in the way are no reason to try each") {
  Node node;
  reserve(node, "10.1.2.3", kA);
  for (uint64_t i = 0; i < 500; ++i) node.write(ip("10.1.2.4").plus(i).str(), "b\r\neth0");
  const auto store = open_store(node);
  size_t tries = 1;
  auto at = store->first_free(ip("10.1.2.4"), ip("10.1.9.9"));
  while (!store->reserve(at.value(), {"d", "eth0"})) {
    at = store->first_free(at->next(), ip("10.1.9.9"));
    ++tries;
  }
  CHECK(at == ip("10.1.2.4").plus(500));
  CHECK(tries < 100);
}

TEST_CASE("ipam store: works without a place for the index") {
  Node node;
  SUBCASE("no boot id") {
    node.machine.boot_id = [] { return std::string(); };
  }
  SUBCASE("a file is in the way") { node.machine.state_directory = "/dev/null/x"; }
  SUBCASE("the store's path is too long for a name") {
    node.store = node.data + "/" + std::string(220, 'n');
    CHECK(ipam::index_path("/run", node.store).empty());
  }
  reserve(node, "10.1.2.3", kA);
  reserve(node, "10.1.2.4", kB);
  CHECK(held(node, kA) == std::vector{ip("10.1.2.3")});
  open_store(node)->release(ip("10.1.2.3"), kA.mark());
  CHECK(held(node, kA).empty());
}

TEST_CASE("ipam store: a damaged index is not believed") {
  Node node;
  reserve(node, "10.1.2.3", kA);
  const std::string path = ipam::index_path(node.machine.state_directory, node.store);
  const std::string good = *base::read_file(path, 1 << 24);
  const auto put = [&](const std::string& bytes) { base::write_file_atomic(path, bytes, 0600); };
  for (const size_t length : {size_t{0}, size_t{7}, size_t{100}, good.size() - 1}) {
    put(good.substr(0, length));
    CHECK(held(node, kA) == std::vector{ip("10.1.2.3")});
  }
  put(good + "x");
  CHECK(held(node, kA) == std::vector{ip("10.1.2.3")});
  // Below, the mark is true, so that the rest of the file is believed.
  const auto believed = [&] {
    base::remove_file_at(AT_FDCWD, path);
    REQUIRE(held(node, kA) == std::vector{ip("10.1.2.3")});
    return *base::read_file(path, 1 << 24);
  };
  constexpr size_t kHeaderBytes = 312;
  for (size_t at = 0; at < kHeaderBytes; ++at) {
    std::string bad = believed();
    bad[at] = static_cast<char>(bad[at] ^ 0x5a);
    put(bad);
    const auto found = held(node, kA);
    CHECK((found.empty() || found == std::vector{ip("10.1.2.3")}));
    CHECK_FALSE(open_store(node)->reserve(ip("10.1.2.3"), kB));
  }
  // Tables full of nonsense: bounded, no crash; leases are read before they are acted on.
  std::string wild = believed().substr(0, kHeaderBytes);
  while (wild.size() < good.size()) wild += static_cast<char>(wild.size() * 2654435761U >> 13);
  put(wild);
  REQUIRE(index_is_believed(node));
  held(node, kA);
  open_store(node)->usage({ipam::make_range({net("10.1.2.0/24"), {}, {}, {}})});
  CHECK_FALSE(open_store(node)->reserve(ip("10.1.2.3"), kB));
}

TEST_CASE("ipam store: an index that lies about a lease is replaced") {
  Node node;
  reserve(node, "10.1.2.3", kA);
  // Rewritten in place: the directory's time does not tell.
  node.write("10.1.2.3", "b\r\neth0");
  CHECK(held(node, kA).empty());
  CHECK(held(node, kB) == std::vector{ip("10.1.2.3")});
}

TEST_CASE("ipam store: torn leases are nobody's") {
  for (const char* torn : {"", " ", "\r\n", "\n\n"}) {
    Node node;
    node.write("10.1.2.3", torn);
    node.write("10.1.2.4", "a\r\neth0");
    CHECK(open_store(node)->first_free(ip("10.1.2.3"), ip("10.1.2.9")) == ip("10.1.2.3"));
    CHECK(node.leases() == std::set<std::string>{"10.1.2.4"});
    CHECK(open_store(node)->reserve(ip("10.1.2.3"), kB));
    CHECK(node.file("10.1.2.3") == "b\r\neth0");
  }
}

TEST_CASE("ipam store: a torn lease that appears behind the index is met and taken") {
  Node node;
  reserve(node, "10.1.2.9", kB);
  {
    const auto store = open_store(node);
    node.write("10.1.2.3", "");
    CHECK(store->reserve(ip("10.1.2.3"), kA));
    node.write("10.1.2.4", "b\r\neth0");
    CHECK_FALSE(store->reserve(ip("10.1.2.4"), kA));
  }
  CHECK_FALSE(index_is_believed(node));
  CHECK(held(node, kB) == std::vector{ip("10.1.2.4"), ip("10.1.2.9")});
}

TEST_CASE("ipam store: things that are no leases stay and take their name only") {
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
  CHECK_FALSE(store->reserve(ip("10.1.2.4"), kB));
  store->collect([](const std::string&) { return false; });
  CHECK(node.has("notes"));
  CHECK(node.has("10.1.2.3"));
  CHECK(std::filesystem::is_symlink(node.store + "/10.1.2.4"));
  CHECK(node.has("10.1.2.5"));
  CHECK(outside.file("secret") == "a\r\neth0");
}

TEST_CASE("ipam store: marks with trailing line ends, of old host-locals, and endless ones") {
  Node node;
  node.write("10.1.2.3", "a\r\neth0\n");
  node.write("10.1.2.4", "a\n");
  node.write("10.1.2.5", std::string(10'000, 'x'));
  CHECK(held(node, kA) == std::vector{ip("10.1.2.3")});
  CHECK(open_store(node)->find_all(kA.legacy_mark(), {}) == std::vector{ip("10.1.2.4")});
  CHECK(open_store(node)->first_free(ip("10.1.2.3"), ip("10.1.2.9")) == ip("10.1.2.6"));
}

TEST_CASE("ipam store: leases of an earlier boot are dead, those of this one live") {
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

TEST_CASE("ipam store: boot facts of this machine") {
  CHECK(ipam::read_boot_id().size() == 36);
  const auto boot = ipam::read_boot_time();
  REQUIRE(boot);
  timespec now{}, uptime{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  ::clock_gettime(CLOCK_BOOTTIME, &uptime);
  CHECK(*boot <= (now.tv_sec - uptime.tv_sec + 1) * 1'000'000'000);
}

TEST_CASE("ipam store: the wait for the lock ends and says where") {
  Node node;
  reserve(node, "10.1.2.3", kA);
  const base::UniqueFd lock(::open((node.store + "/lock").c_str(), O_RDONLY));
  REQUIRE(::flock(lock.get(), LOCK_EX) == 0);
  CHECK(error_of([&] { open_store(node); }) ==
        "11 lock file '" + node.store + "/lock' was held by another process for 1 s");
  CHECK(contains(details_of([&] { open_store(node); }), "fuser " + node.store + "/lock"));
}

TEST_CASE("ipam store: collect keeps the living and sweeps up") {
  Node node;
  reserve(node, "10.1.2.3", kA);
  reserve(node, "10.1.2.4", kB);
  node.write("10.1.2.5", "");
  node.write(".tmp.123.10.1.2.9", "half");
  open_store(node)->collect([](const std::string& mark) { return mark == kA.mark(); });
  CHECK(node.leases() == std::set<std::string>{"10.1.2.3"});
  CHECK_FALSE(node.has(".tmp.123.10.1.2.9"));
  CHECK(held(node, kA).size() == 1);
  CHECK(index_is_believed(node));
}

TEST_CASE("ipam store: usage") {
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

TEST_CASE("ipam index: grows, forgets and finds among thousands") {
  Node node;
  std::filesystem::create_directories(node.store);
  LeaseIndex index({"boot", 1, 2});
  const auto mark = [](uint64_t i) { return "c" + std::to_string(i) + "\r\neth0"; };
  for (uint64_t i = 0; i < 20'000; ++i) index.insert(ip("10.0.0.0").plus(i), mark(i));
  for (uint64_t i = 0; i < 20'000; i += 997)
    CHECK(index.find(mark(i)) == std::vector{ip("10.0.0.0").plus(i)});
  CHECK(index.find("nobody").empty());
  CHECK(index.count(ip("10.0.0.0"), ip("10.255.255.255")) == 20'000);
  CHECK(index.count(ip("10.0.0.10"), ip("10.0.0.19")) == 10);
  CHECK(index.first_free(ip("10.0.0.0"), ip("10.255.255.255")) == ip("10.0.0.0").plus(20'000));
  CHECK_FALSE(index.first_free(ip("10.0.0.0"), ip("10.0.0.0").plus(19'999)));
  for (uint64_t i = 0; i < 20'000; i += 2) index.erase(ip("10.0.0.0").plus(i), mark(i));
  for (uint64_t i = 1; i < 20'000; i += 2) REQUIRE(index.find(mark(i)).size() == 1);
  CHECK(index.find(mark(4)).empty());
  CHECK(index.first_free(ip("10.0.0.1"), ip("10.255.255.255")) == ip("10.0.0.2"));
  // Room that was given back is used again, in a file as in memory.
  const std::string path = node.store + "/index";
  index.set_mark(77);
  index.set_cursor(1, ip("fd00::7"));
  index.publish(path);
  auto mapped = LeaseIndex::open(path, {"boot", 1, 2}, true);
  REQUIRE(mapped);
  CHECK(mapped->mark() == 77);
  CHECK(mapped->cursor(1) == ip("fd00::7"));
  CHECK_FALSE(mapped->cursor(0));
  CHECK_FALSE(mapped->cursor(LeaseIndex::kCursors));
  for (int round = 0; round < 50; ++round)
    for (uint64_t i = 0; i < 1000; i += 2) {
      mapped->insert(ip("fd00::").plus(i + static_cast<uint64_t>(round) * 4096), mark(i));
      mapped->erase(ip("fd00::").plus(i + static_cast<uint64_t>(round) * 4096), mark(i));
    }
  CHECK(mapped->count(ip("10.0.0.0"), ip("10.255.255.255")) == 10'000);
  CHECK(mapped->find(mark(5)) == std::vector{ip("10.0.0.5")});
  CHECK_FALSE(LeaseIndex::open(path, {"other", 1, 2}, true));
  CHECK_FALSE(LeaseIndex::open(path, {"boot", 1, 3}, true));
}

TEST_CASE("ipam index: thousands of leases of one owner") {
  LeaseIndex index({"boot", 1, 2});
  for (uint64_t i = 0; i < 5'000; ++i) index.insert(ip("10.0.0.0").plus(i), "same\r\neth0");
  index.insert(ip("11.0.0.0"), "one\r\neth0");
  CHECK(index.find("same\r\neth0").size() == 5'000);
  CHECK(index.find("one\r\neth0") == std::vector{ip("11.0.0.0")});
}

TEST_CASE("ipam index: the ends of the address space") {
  LeaseIndex index({"boot", 1, 2});
  index.insert_unowned(ip("255.255.255.255"));
  CHECK_FALSE(index.first_free(ip("255.255.255.255"), ip("255.255.255.255")));
  index.insert_unowned(ip("::5"));
  CHECK(index.first_free(ip("::5"), ip("::9")) == ip("::6"));
  CHECK(index.first_free(ip("0.0.0.5"), ip("0.0.0.9")) == ip("0.0.0.5"));
  const auto last = ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  index.insert_unowned(last);
  CHECK_FALSE(index.first_free(last, last));
  CHECK(index.count(ip("::"), last) == 2);
}

TEST_CASE("ipam index: file names are readable and distinct") {
  CHECK(ipam::index_path("/run/x", "/var/lib/cni/networks/cbr0") ==
        "/run/x/-var-lib-cni-networks-cbr0.index");
  CHECK(ipam::index_path("/run/x", "/var/a-b") == "/run/x/-var-a\\x2db.index");
  CHECK(ipam::index_path("/run/x", "/var/a/b") != ipam::index_path("/run/x", "/var/a-b"));
}
