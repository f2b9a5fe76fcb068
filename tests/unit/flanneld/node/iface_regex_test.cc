#include "flanneld/node/iface_regex.h"

#include <doctest/doctest.h>

#include <string>

#include "common/base/error.h"

using flanneld::IfaceRegex;

TEST_CASE("iface regex: patterns are Go's, without back references and long repetitions") {
  for (const char* pattern : {"[", "(e)\\1", "e{1001}", "\xff"})
    CHECK_THROWS_AS((void)IfaceRegex(pattern), base::ParseError);
  for (const char* pattern :
       {"eth\\d{1,4}", "enp1s12345", "\\\\1", "e{2,3},99999", "[[:alpha:]]+", "(?P<name>e)"})
    CHECK_NOTHROW((void)IfaceRegex(pattern));
}

TEST_CASE("iface regex: a match takes linear time") {
  CHECK_FALSE(IfaceRegex("(e+)+$").occurs_in(std::string(10'000, 'e') + "!"));
}
