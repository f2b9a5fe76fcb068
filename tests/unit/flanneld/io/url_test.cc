#include "flanneld/io/url.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "common/base/error.h"
#include "tests/unit/flanneld/test_support.h"

using flanneld::parse_url;
using namespace flanneld_test;

namespace {

std::string parts_of(const char* text) {
  const flanneld::Url url = parse_url(text);
  return fmt::format("{} {} {}", url.scheme, url.host, url.port);
}

}  // namespace

TEST_CASE("a URL is taken apart, with the scheme's port if it names none") {
  CHECK(parts_of("http://127.0.0.1:2379") == "http 127.0.0.1 2379");
  CHECK(parts_of("https://etcd.example/v3") == "https etcd.example 443");
  CHECK(parts_of("http://[fd00::1]:2379/") == "http [fd00::1] 2379");
  CHECK(parts_of("http://[fd00::1]") == "http [fd00::1] 80");
  CHECK(parts_of("https://root:p%40ss@host:2379") == "https host 2379");
}

TEST_CASE("text that is no http or https URL is refused without being quoted") {
  for (const char* bad : {"", "etcd:2379", "http://", "http://:1", "http://x:0", "http://x:70000",
                          "http://x:1x", "ftp://x", "http://a b", "http://x:secret"}) {
    const std::string reason = parse_failure([&] { parse_url(bad); });
    CHECK_MESSAGE(contains(reason, "is not a URL"), bad);
    CHECK_FALSE(contains(reason, "secret"));
  }
}

TEST_CASE("no password is in a URL for people") {
  CHECK(flanneld::without_userinfo("https://root:p@ss@host:2379") == "https://host:2379");
  CHECK(flanneld::without_userinfo("http://host:2379") == "http://host:2379");
  CHECK(flanneld::with_userinfo_hidden("http://a:b@c:1,https://d:e,f@g") == "http://***@c:1,https://***@g");
}
