#include "flanneld/io/http_get.h"

#include <doctest/doctest.h>

using namespace flanneld;

TEST_CASE("http get: host and port are taken out of a URL") {
  const auto text = [](const char* url) {
    const auto endpoint = parse_endpoint(url);
    return endpoint ? endpoint->host + " " + std::to_string(endpoint->port) : "";
  };
  CHECK(text("http://127.0.0.1:2379") == "127.0.0.1 2379");
  CHECK(text("https://etcd.example/v3") == "etcd.example 443");
  CHECK(text("http://[fd00::1]:2379/") == "fd00::1 2379");
  CHECK(text("http://[fd00::1]") == "fd00::1 80");
  for (const char* bad :
       {"", "etcd:2379", "http://", "http://:1", "http://x:0", "http://x:70000", "http://x:1x"})
    CHECK(text(bad).empty());
}
