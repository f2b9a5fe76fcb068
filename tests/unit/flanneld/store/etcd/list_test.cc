#include "flanneld/store/etcd/list.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <optional>
#include <set>

#include "flanneld/store/skipped_entries.h"
#include "tests/support/fake_etcd.h"
#include "tests/support/fake_time.h"

using namespace flanneld;

namespace {

/// One list of all keys below /net/, and what it said.
struct Listed {
  explicit Listed(size_t entries = 0, size_t bytes = 10) {
    for (size_t i = 0; i < entries; ++i) etcd.put(fmt::format("/net/{:05}", i), std::string(bytes, 'x'));
    etcd.put("/other", "");
    etcd.before_page = [this](const EtcdPage& page) { revisions.insert(page.revision); };
  }
  void run() {
    list.begin();
    time.advance(std::chrono::seconds(10));
    REQUIRE(end.has_value());
  }

  test::FakeTime time;
  test::FakeEtcd etcd{time.loop};
  test::FakeEtcdClient client{etcd};
  std::vector<std::string> keys, too_long;
  std::set<int64_t> revisions;  ///< that pages were asked for at
  int begun = 0;
  std::optional<Result<EtcdListEnd>> end;
  EtcdList list{client,
                "/net/",
                {.begins = [this] { ++begun, keys.clear(), too_long.clear(); },
                 .entry = [this](const EtcdKeyValue& kv) { keys.push_back(kv.key); },
                 .too_long = [this](const EtcdKeyValue& kv) { too_long.push_back(kv.key); },
                 .done = [this](const Result<EtcdListEnd>& outcome) { end = outcome; }}};
};

}  // namespace

TEST_CASE("etcd list: many entries come in pages, all of the first one's revision") {
  Listed listed(2500);
  listed.run();
  CHECK(listed.keys.size() == 2500);
  CHECK(std::set(listed.keys.begin(), listed.keys.end()).size() == 2500);
  CHECK((*listed.end)->count == 2500);
  CHECK((*listed.end)->revision == listed.etcd.revision);
  CHECK(listed.revisions == std::set<int64_t>{0, listed.etcd.revision});
  CHECK(listed.etcd.calls == "list page page ");
}

TEST_CASE("etcd list: nothing is a list, too") {
  Listed listed;
  listed.run();
  CHECK(listed.keys.empty());
  CHECK((*listed.end)->count == 0);
}

TEST_CASE(
    "etcd list: pages shrink until they fit, and grow again; what fits into none is passed over by its "
    "name") {
  Listed listed(1000);
  for (size_t i = 300; i < 320; ++i) listed.etcd.put(fmt::format("/net/{:05}", i), std::string(60'000, 'x'));
  listed.etcd.put("/net/00310", std::string(90'000, 'x'));
  listed.etcd.put("/net/00999", std::string(90'000, 'x'));
  listed.etcd.most_page_bytes = 80'000;
  listed.run();
  CHECK(listed.keys.size() == 998);
  CHECK(listed.too_long == std::vector<std::string>{"/net/00310", "/net/00999"});
  CHECK((*listed.end)->count == 1000);
}

TEST_CASE("etcd list: begins again when its revision is compacted, and gives up where that goes on") {
  Listed listed(1500);
  listed.etcd.before_page = [&](const EtcdPage& page) {
    if (page.revision != 0 && listed.begun == 1) listed.etcd.put("/net/new", ""), listed.etcd.compact();
  };
  listed.run();
  CHECK(listed.begun == 2);
  CHECK(listed.keys.size() == 1501);

  Listed never(1500);
  never.etcd.before_page = [&](const EtcdPage&) {
    never.etcd.put("/net/new", "");
    never.etcd.compact();
  };
  never.run();
  CHECK_FALSE(*never.end);
  CHECK(never.end->reason() == "compacted");
}

TEST_CASE("etcd list: a server whose every answer is too long is given up") {
  Listed listed(2);
  listed.etcd.most_page_bytes = 3;
  listed.run();
  CHECK_FALSE(*listed.end);
}

TEST_CASE("skipped entries: the first are named, others counted, and what a later list lacks is gone") {
  SkippedEntries entries;
  const auto list = [&](size_t count) {
    entries.begin_list();
    size_t told = 0;
    for (size_t i = 0; i < count; ++i) told += entries.add(fmt::format("{:03}", i), "x", "junk") ? 1 : 0;
    const bool is_new_number = entries.end_list();
    return std::pair(told, is_new_number);
  };
  CHECK(list(30) == std::pair<size_t, bool>(20, true));
  CHECK(entries.view().named.size() == 20);
  CHECK(entries.view().named.front() == "'000': junk");
  CHECK(entries.view().unnamed == 10);
  CHECK(list(30) == std::pair<size_t, bool>(0, false));
  CHECK(entries.add("000", "another", "junk"));
  CHECK(list(1) == std::pair<size_t, bool>(1, false));
  CHECK(entries.view().named.size() == 1);
  CHECK(entries.view().unnamed == 0);
}
