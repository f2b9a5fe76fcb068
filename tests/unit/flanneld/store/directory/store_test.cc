#include "flanneld/store/directory/store.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "common/base/file.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;

namespace {

const std::string kConfig = R"({"Network":"10.5.0.0/16","Backend":{"Type":"alloc"}})";

/// Claims as soon as there is a configuration, and keeps what it is sent.
struct Listener {
  explicit Listener(LeaseStore& its_store) : store(its_store) {
    store.start([this](const StoreEvent& event) { take(event); });
  }
  void take(const StoreEvent& event) {
    if (const auto* config = std::get_if<ConfigRead>(&event)) {
      Claim claim{NetworkConfig::parse(config->text), {}, {}};
      claim.attributes.public_ip = ip("192.168.0.1");
      store.claim(claim);
    }
    if (const auto* claim = std::get_if<LeaseClaimed>(&event)) claimed = claim->own.key.format();
    if (std::holds_alternative<ClaimFailed>(event)) ++claim_failures;
    if (const auto* contest = std::get_if<LeaseContested>(&event)) contests.push_back(contest->reason);
    if (const auto* list = std::get_if<LeasesListed>(&event)) listed.push_back(list->leases.size());
    if (const auto* entry = std::get_if<EntrySkipped>(&event)) skipped.push_back(entry->entry);
  }

  LeaseStore& store;
  std::string claimed;
  int claim_failures = 0;
  std::vector<std::string> contests;
  std::vector<size_t> listed;
  std::vector<std::string> skipped;
};

/// A lease directory that goes with the test.
struct LeaseDirectory {
  LeaseDirectory() {
    base::make_directory(path + "/subnets", 0755);
    base::write_file_atomic(path + "/config", kConfig, 0644);
  }
  void put(const std::string& name, const std::string& text, time_t expiry) const {
    const std::string file = path + "/subnets/" + name;
    base::write_file_atomic(file, text, 0644);
    const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, timespec{expiry, 0}};
    REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times.data(), 0) == 0);
  }
  test::TempDir directory{std::filesystem::temp_directory_path() / "flanneld_store_test.XXXXXX"};
  std::string path = directory.path();
};

void run_for(EventLoop& loop, std::chrono::milliseconds time) {
  Timer end(loop, [&] { loop.stop(); });
  end.start(time);
  loop.run();
}

/// Until it is so, for half a minute at most.
template <class Condition>
void run_until(EventLoop& loop, Condition is_so) {
  for (int i = 0; i < 3000 && !is_so(); ++i) run_for(loop, std::chrono::milliseconds(10));
  CHECK(is_so());
}

}  // namespace

TEST_CASE("lease directory: a peer's lease that ends before the own one does is dropped in time") {
  const LeaseDirectory directory;
  EventLoop loop;
  DirectoryStore store(loop, directory.path, std::chrono::minutes(60));
  Listener listener(store);
  run_until(loop, [&] { return !listener.claimed.empty() && listener.listed.size() == 1; });
  directory.put("10.5.250.0-24", R"({"PublicIP":"192.168.0.9","PublicIPv6":null})", ::time(nullptr) + 3);
  run_until(loop, [&] { return listener.listed.size() == 3; });
  CHECK(listener.listed == std::vector<size_t>{1, 2, 1});
}

TEST_CASE("lease directory: bad entries are skipped and reported once; so is the lack of a free subnet") {
  const LeaseDirectory directory;
  base::write_file_atomic(
      directory.path + "/config",
      R"({"Network":"10.5.0.0/16","SubnetMin":"10.5.1.0","SubnetMax":"10.5.1.0","Backend":{"Type":"alloc"}})",
      0644);
  const time_t later = ::time(nullptr) + 3600;
  directory.put("10.5.1.0-24", R"({"PublicIP":"192.168.0.9","PublicIPv6":null})", later);
  directory.put("x10.5.2.0-24", R"({"PublicIP":"192.168.0.8","PublicIPv6":null})", later);
  directory.put("10.5.3.0-24", "{", later);
  EventLoop loop;
  DirectoryStore store(loop, directory.path, std::chrono::minutes(60));
  Listener listener(store);
  run_for(loop, std::chrono::milliseconds(2500));
  CHECK(listener.claimed.empty());
  CHECK(listener.claim_failures == 1);
  CHECK(listener.skipped.size() == 2);
}

TEST_CASE("lease directory: two nodes with one public address are told so, both, and write with pauses") {
  const LeaseDirectory directory;
  EventLoop loop;
  DirectoryStore store(loop, directory.path, std::chrono::minutes(60));
  DirectoryStore twin_store(loop, directory.path, std::chrono::minutes(60));
  Listener one(store);
  run_until(loop, [&] { return !one.claimed.empty(); });
  const auto begin = std::chrono::steady_clock::now();
  Listener twin(twin_store);
  run_until(loop, [&] { return !one.contests.empty() && !twin.contests.empty(); });
  CHECK(one.claimed == twin.claimed);
  run_for(loop, std::chrono::milliseconds(500));
  // At once, after a second, and after two more: on a machine that is slow some more may be seen.
  const auto most =
      2 + static_cast<size_t>((std::chrono::steady_clock::now() - begin) / std::chrono::seconds(1));
  for (const Listener* node : {&one, &twin}) CHECK(node->contests.size() <= most);
  CHECK(contains(one.contests.front(), "the same public address 192.168.0.1 and the same backend data"));
}
