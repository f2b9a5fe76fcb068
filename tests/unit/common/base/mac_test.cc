#include "common/base/mac.h"

#include <doctest/doctest.h>

TEST_CASE("MacAddress parses what it prints, and random ones are local unicast") {
  CHECK(base::MacAddress::parse("C6:D2:32:6F:8F:44")->str() == "c6:d2:32:6f:8f:44");
  CHECK(base::MacAddress::parse("c6-d2-32-6f-8f-44")->str() == "c6:d2:32:6f:8f:44");
  CHECK(base::MacAddress::parse("C6d2.326F.8f44")->str() == "c6:d2:32:6f:8f:44");
  for (const char* bad : {"", "c6d2.326f.8f4", "c6d2.326f.8f4g", "c6d2:326f:8f44", "c6d2.326f-8f44",
                          "c6.d2.32.6f.8f.44", "c6d232.6f8f44", "c6:d2:32:6f:8f", "c6:d2:32:6f:8f:4g",
                          "c6:d2:32:6f:8f:444", "c6:d2-32:6f:8f:44", "c6d2326f8f44"})
    CHECK_MESSAGE(!base::MacAddress::parse(bad), bad);
  const auto mac = base::MacAddress::random();
  CHECK((mac.bytes[0] & 3) == 2);
  CHECK(mac != base::MacAddress::random());
}
