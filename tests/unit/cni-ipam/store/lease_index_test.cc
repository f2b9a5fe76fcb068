// The index beside the store: what it finds, and when it is not believed.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include "cni-ipam/store/lease_index.h"
#include "tests/unit/cni-ipam/store/test_support.h"

using ipam::LeaseIndex;
using namespace ipam_test;

TEST_CASE("finds the leases of an attachment with and without the index") {
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
  open_store(node)->release(ip("10.1.2.3"), lease_mark(kA));
  CHECK(held(node, kA) == std::vector{ip("fd00::3")});
  CHECK(open_store(node)->first_free(ip("10.1.2.3"), ip("10.1.2.9")) == ip("10.1.2.3"));
}

TEST_CASE("an incomplete index errs on the safe side") {
  Node node;
  reserve(node, "10.1.2.3", kA);
  reserve(node, "10.1.2.4", {"c", "eth0"});
  std::filesystem::remove(node.store + "/10.1.2.4");  // a foreign hand
  node.write("10.1.2.5", "b\r\neth0");
  const auto store = open_store(node);
  CHECK(store->held_by(lease_mark(kA)) == std::vector{ip("10.1.2.3")});
  CHECK(store->held_by(lease_mark({"c", "eth0"})).empty());
  CHECK(store->held_by(lease_mark(kB)).empty());  // not known yet
  CHECK(store->first_free(ip("10.1.2.3"), ip("10.1.2.9")) == ip("10.1.2.5"));
  CHECK_FALSE(store->reserve(ip("10.1.2.5"), lease_mark({"d", "eth0"})));
  CHECK(store->held_by(lease_mark(kB)) == std::vector{ip("10.1.2.5")});  // now it is
  CHECK(store->held_by(lease_mark({"d", "eth0"})).empty());
  CHECK(store->look_again());
  CHECK(store->first_free(ip("10.1.2.3"), ip("10.1.2.9")) == ip("10.1.2.4"));
  CHECK_FALSE(store->look_again());
}

TEST_CASE("works without a place for the index") {
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
  open_store(node)->release(ip("10.1.2.3"), lease_mark(kA));
  CHECK(held(node, kA).empty());
}

TEST_CASE("a damaged index is not believed") {
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
    CHECK_FALSE(open_store(node)->reserve(ip("10.1.2.3"), lease_mark(kB)));
  }
  // Tables full of nonsense: bounded, no crash; leases are read before they are acted on.
  std::string wild = believed().substr(0, kHeaderBytes);
  while (wild.size() < good.size()) wild += static_cast<char>(wild.size() * 2654435761U >> 13);
  put(wild);
  REQUIRE(index_is_believed(node));
  held(node, kA);
  open_store(node)->usage({ipam::make_range({net("10.1.2.0/24"), {}, {}, {}})});
  CHECK_FALSE(open_store(node)->reserve(ip("10.1.2.3"), lease_mark(kB)));
}

TEST_CASE("an index that is wrong about a lease is replaced") {
  Node node;
  reserve(node, "10.1.2.3", kA);
  // Rewritten in place: the directory's time does not tell.
  node.write("10.1.2.3", "b\r\neth0");
  CHECK(held(node, kA).empty());
  CHECK(held(node, kB) == std::vector{ip("10.1.2.3")});
}

TEST_CASE("takes over a torn lease that the index does not know") {
  Node node;
  reserve(node, "10.1.2.9", kB);
  {
    const auto store = open_store(node);
    node.write("10.1.2.3", "");
    CHECK(store->reserve(ip("10.1.2.3"), lease_mark(kA)));
    node.write("10.1.2.4", "b\r\neth0");
    CHECK_FALSE(store->reserve(ip("10.1.2.4"), lease_mark(kA)));
  }
  CHECK_FALSE(index_is_believed(node));
  CHECK(held(node, kB) == std::vector{ip("10.1.2.4"), ip("10.1.2.9")});
}

TEST_CASE("the index grows, forgets and finds among thousands") {
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
  index.seal(77);
  index.set_cursor(1, ip("fd00::7"));
  index.publish(path);
  auto mapped = LeaseIndex::open(path, {"boot", 1, 2}, LeaseIndex::Access::write);
  REQUIRE(mapped);
  CHECK(mapped->sealed_at() == 77);
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
  CHECK_FALSE(LeaseIndex::open(path, {"other", 1, 2}, LeaseIndex::Access::write));
  CHECK_FALSE(LeaseIndex::open(path, {"boot", 1, 3}, LeaseIndex::Access::write));
}

TEST_CASE("the index finds thousands of leases with one mark") {
  LeaseIndex index({"boot", 1, 2});
  for (uint64_t i = 0; i < 5'000; ++i) index.insert(ip("10.0.0.0").plus(i), "same\r\neth0");
  index.insert(ip("11.0.0.0"), "one\r\neth0");
  CHECK(index.find("same\r\neth0").size() == 5'000);
  CHECK(index.find("one\r\neth0") == std::vector{ip("11.0.0.0")});
}

TEST_CASE("the index holds the ends of the address space") {
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

TEST_CASE("index files have readable and distinct names") {
  CHECK(ipam::index_path("/run/x", "/var/lib/cni/networks/cbr0") ==
        "/run/x/-var-lib-cni-networks-cbr0.index");
  CHECK(ipam::index_path("/run/x", "/var/a-b") == "/run/x/-var-a\\x2db.index");
  CHECK(ipam::index_path("/run/x", "/var/a/b") != ipam::index_path("/run/x", "/var/a-b"));
}
