#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "common/base/deadline.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/ip.h"
#include "common/base/mac.h"
#include "common/base/rollback.h"

using base::IpAddress;
using base::IpNet;

namespace {

struct TempDir {
  std::string path;
  base::UniqueFd fd;
  TempDir() {
    char name[] = "/tmp/flannel-unit.XXXXXX";
    path = ::mkdtemp(name);
    fd = base::open_directory(path);
  }
  ~TempDir() { std::filesystem::remove_all(path); }
};

std::string canonical(const char* text) {
  const auto ip = IpAddress::parse(text);
  return ip ? ip->str() : "invalid";
}

}  // namespace

TEST_CASE("IpAddress: text forms follow RFC 5952 and Go") {
  CHECK(canonical("10.244.1.2") == "10.244.1.2");
  CHECK(canonical("2001:DB8:0:0:1:0:0:1") == "2001:db8::1:0:0:1");     // the first of two equal runs
  CHECK(canonical("2001:db8:0:1:1:1:1:1") == "2001:db8:0:1:1:1:1:1");  // a single group stays
  CHECK(canonical("::") == "::");
  CHECK(canonical("::1") == "::1");
  CHECK(canonical("fd00::") == "fd00::");
  CHECK(canonical("::1.2.3.4") == "::102:304");  // no dotted tail
  CHECK(canonical("::ffff:10.0.0.1") == "10.0.0.1");
  for (const char* bad :
       {"", "10.0.0", "10.0.0.256", "010.0.0.1", "1.2.3.4 ", "::g", "1::2::3", "fe80::1%eth0", "a.b.c.d"})
    CHECK_MESSAGE(canonical(bad) == "invalid", bad);
}

TEST_CASE("IpAddress: nothing hides behind a NUL") {
  CHECK_FALSE(IpAddress::parse(std::string_view("10.1.1.1\0.2", 11)));
  CHECK_FALSE(IpNet::parse(std::string_view("10.1.1.1\0/24", 12)));
}

TEST_CASE("IpAddress: arithmetic") {
  CHECK(IpAddress::parse("10.0.0.255")->next().str() == "10.0.1.0");
  CHECK(IpAddress::parse("255.255.255.255")->next().str() == "0.0.0.0");
  CHECK(IpAddress::parse("10.0.1.0")->previous().str() == "10.0.0.255");
  CHECK(IpAddress::parse("fd00::ffff")->next().str() == "fd00::1:0");
  CHECK(IpAddress::parse("fd00::")->previous().str() == "fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  CHECK(IpAddress::parse("10.0.0.1")->distance_to(*IpAddress::parse("10.0.1.1")) == 256);
  CHECK(IpAddress::parse("::")->distance_to(*IpAddress::parse("fd00::")) == UINT64_MAX);
  CHECK(IpAddress::parse("fd00::")->plus(UINT64_MAX).str() == "fd00::ffff:ffff:ffff:ffff");
  // Never slips from one family into the other.
  CHECK(IpAddress::parse("::1.2.3.0")->next().str() == "::102:301");
  CHECK(*IpAddress::parse("10.0.0.9") < *IpAddress::parse("10.0.0.10"));
  CHECK(*IpAddress::parse("255.0.0.0") < *IpAddress::parse("::"));
}

TEST_CASE("IpNet: parsing, masks, membership") {
  CHECK(IpNet::parse("10.1.17.3/24")->network().str() == "10.1.17.0/24");
  CHECK(IpNet::parse("10.1.17.3/24")->last().str() == "10.1.17.255");
  CHECK(IpNet::parse("10.1.17.3/25")->last().str() == "10.1.17.127");
  CHECK(IpNet::parse("fd00::1/64")->last().str() == "fd00::ffff:ffff:ffff:ffff");
  CHECK(IpNet::parse("0.0.0.0/0")->contains(*IpAddress::parse("203.0.113.1")));
  CHECK_FALSE(IpNet::parse("0.0.0.0/0")->contains(*IpAddress::parse("::1")));
  CHECK(IpNet::parse("10.0.0.0/8")->overlaps(*IpNet::parse("10.1.0.0/16")));
  CHECK(IpNet::parse("10.1.0.0/16")->overlaps(*IpNet::parse("10.0.0.0/8")));
  CHECK_FALSE(IpNet::parse("10.1.0.0/16")->overlaps(*IpNet::parse("10.2.0.0/16")));
  for (const char* bad :
       {"10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/8x", "/8", "::/129"})
    CHECK_MESSAGE(!IpNet::parse(bad), bad);
}

TEST_CASE("IpNet: well-known networks of both families") {
  using base::Family;
  CHECK(base::default_route(Family::v4).str() == "0.0.0.0/0");
  CHECK(base::default_route(Family::v6).str() == "::/0");
  CHECK(base::multicast(Family::v4).str() == "224.0.0.0/4");
  CHECK(base::multicast(Family::v6).str() == "ff00::/8");
  CHECK(base::link_local(Family::v4).str() == "169.254.0.0/16");
  CHECK(base::link_local(Family::v6).str() == "fe80::/10");
  CHECK(IpNet::parse("10.1.2.3/0")->last().str() == "255.255.255.255");
  CHECK(IpNet::parse("fd00::1/0")->network().str() == "::/0");
}

TEST_CASE("IpAddress: is the number that it was made from") {
  for (const char* text : {"0.0.0.0", "10.244.1.2", "255.255.255.255", "::", "fd00::1:2", "ff02::1"}) {
    const auto address = *IpAddress::parse(text);
    CHECK(IpAddress::from_number(address.family(), address.number()) == address);
  }
  CHECK(IpAddress::parse("0.0.1.2")->number() == 258);
  CHECK(IpAddress::parse("1::2")->number() == base::Uint128(1ULL << 48, 2));
}

TEST_CASE("MacAddress: parse and format are inverse, random ones are local unicast") {
  CHECK(base::MacAddress::parse("C6:D2:32:6F:8F:44")->str() == "c6:d2:32:6f:8f:44");
  CHECK(base::MacAddress::parse("c6-d2-32-6f-8f-44")->str() == "c6:d2:32:6f:8f:44");
  for (const char* bad :
       {"", "c6:d2:32:6f:8f", "c6:d2:32:6f:8f:4g", "c6:d2:32:6f:8f:444", "c6:d2-32:6f:8f:44", "c6d2326f8f44"})
    CHECK_MESSAGE(!base::MacAddress::parse(bad), bad);
  const auto mac = base::MacAddress::random();
  CHECK((mac.bytes[0] & 3) == 2);
  CHECK(mac != base::MacAddress::random());
}

TEST_CASE("Rollback: last first, past failures, not after commit") {
  std::string order;
  {
    base::Rollback undo;
    undo.push([&] { order += "a"; });
    undo.push([] { throw std::runtime_error("ignored"); });
    undo.push([&] { order += "b"; });
  }
  CHECK(order == "ba");
  {
    base::Rollback undo;
    undo.push([&] { order += "c"; });
    undo.commit();
  }
  CHECK(order == "ba");
}

TEST_CASE("files: created whole and once, replaced, bounded, links not followed") {
  const TempDir dir;
  CHECK(base::create_file_at(dir.fd.get(), "a", "one", 0600));
  CHECK_FALSE(base::create_file_at(dir.fd.get(), "a", "two", 0600));
  CHECK(base::read_file(dir.path + "/a", 100) == "one");
  base::replace_file_at(dir.fd.get(), "a", "three", 0644);
  CHECK(base::read_file_at(dir.fd.get(), "a", 100) == "three");
  CHECK_FALSE(base::read_file(dir.path + "/absent", 100).has_value());
  CHECK_THROWS_AS(base::read_file(dir.path + "/a", 4), base::SystemError);
  REQUIRE(::symlinkat("a", dir.fd.get(), "link") == 0);
  CHECK_FALSE(base::read_file_at(dir.fd.get(), "link", 100).has_value());
  CHECK_THROWS_AS(base::read_file(dir.path + "/link", 100, false), base::SystemError);
  REQUIRE(::mkfifo((dir.path + "/fifo").c_str(), 0600) == 0);
  CHECK_FALSE(base::read_file_at(dir.fd.get(), "fifo", 100).has_value());  // and does not hang
  CHECK(base::remove_file_at(dir.fd.get(), "a"));
  CHECK_FALSE(base::remove_file_at(dir.fd.get(), "a"));
  CHECK(base::list_directory(dir.fd.get()).size() == 2);  // no temporary file is left
}

TEST_CASE("directories are made with their parents") {
  const TempDir dir;
  CHECK(base::make_directory(dir.path + "/x/y/z", 0755).valid());
  base::make_parent_directory(dir.path + "/p/q/file", 0755);
  CHECK(base::open_directory(dir.path + "/p/q").valid());
  CHECK_FALSE(base::open_directory(dir.path + "/p/q/file").valid());
  CHECK_NOTHROW(base::make_parent_directory("name-without-directory", 0755));
  CHECK(base::open_directory(dir.path + "/x/y/z").valid());
  CHECK_FALSE(base::open_directory(dir.path + "/none").valid());
  base::create_file_at(dir.fd.get(), "file", "", 0600);
  CHECK_THROWS_AS(base::make_directory(dir.path + "/file/y", 0755), base::SystemError);
}

TEST_CASE("FileLock: excludes, and a wait for it ends") {
  const TempDir dir;
  {
    const auto lock = base::FileLock::acquire(dir.fd.get(), "lock", 0750, 1);
    CHECK_THROWS_WITH_AS(base::FileLock::acquire(dir.fd.get(), "lock", 0750, 1),
                         doctest::Contains("timed out"), base::SystemError);
  }
  CHECK_NOTHROW(base::FileLock::acquire(dir.fd.get(), "lock", 0750, 1));
}

TEST_CASE("files: a FIFO in the way of a lock or a temporary file stops nobody") {
  const TempDir dir;
  REQUIRE(::mkfifoat(dir.fd.get(), "lock", 0600) == 0);
  const auto lock = base::FileLock::acquire(dir.fd.get(), "lock", 0600, 1);
  const std::string temporary = ".tmp." + std::to_string(::getpid()) + ".a";
  REQUIRE(::mkfifoat(dir.fd.get(), temporary.c_str(), 0600) == 0);
  base::replace_file_at(dir.fd.get(), "a", "text", 0600);
  CHECK(base::read_file_at(dir.fd.get(), "a", 10) == "text");
  REQUIRE(::symlinkat("elsewhere", dir.fd.get(), temporary.c_str()) == 0);
  base::replace_file_at(dir.fd.get(), "a", "other", 0600);
  CHECK(base::read_file_at(dir.fd.get(), "a", 10) == "other");
  CHECK(base::list_directory(dir.fd.get()).size() == 2);
}

TEST_CASE("deadline: passed or not, and what poll(2) may wait") {
  using namespace std::chrono_literals;
  CHECK(base::Deadline(0ms).passed());
  CHECK(base::Deadline(0ms).milliseconds_left() == 0);
  CHECK(base::Deadline(-5ms).milliseconds_left() == 0);
  CHECK_FALSE(base::Deadline(1h).passed());
  CHECK(base::Deadline(1h).milliseconds_left() <= 3'600'000);
  CHECK(base::Deadline(24h * 365 * 100).milliseconds_left() == INT_MAX);
}
