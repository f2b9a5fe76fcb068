#include "common/json/json.h"

#include <doctest/doctest.h>

#include "common/base/error.h"

TEST_CASE("json finds keys in any case, an exact match first, and takes null for absent") {
  const json::Value object = json::Value::parse(R"({"Subnet":"a","subnet":"b","IPAM":{"x":1},"gone":null})");
  CHECK(json::get_string(object, "subnet", "") == "b");
  CHECK(json::get_object(object, "ipam", "").at("x") == 1);
  CHECK(json::find(object, "gone") == nullptr);
  CHECK(json::get_string(object, "absent", "").empty());
  json::Value copy = object;
  json::erase(copy, "SUBNET");
  CHECK(json::find(copy, "subnet") == nullptr);
}

TEST_CASE("json names the key that has a wrong type") {
  const json::Value object = json::Value::parse(
      R"({"s":5,"b":"true","n":"5","f":5.5,"big":1e300,"o":[],"a":{},"i":5.0,"u":18446744073709551615})");
  CHECK_THROWS_WITH_AS(json::get_string(object, "s", "ipam"), "key 'ipam.s' must be a string, not number",
                       base::ParseError);
  CHECK_THROWS_AS(json::get_bool(object, "b", ""), base::ParseError);
  CHECK_THROWS_AS(json::get_integer(object, "n", "", 0, 9), base::ParseError);
  CHECK_THROWS_AS(json::get_integer(object, "f", "", 0, 9), base::ParseError);
  CHECK_THROWS_AS(json::get_integer(object, "big", "", 0, 9), base::ParseError);
  CHECK_THROWS_AS(json::get_integer(object, "u", "", 0, INT64_MAX - 1), base::ParseError);
  CHECK(json::get_integer(object, "i", "", 0, 9) == 5);
  CHECK_THROWS_AS(json::get_integer(object, "i", "", 0, 4), base::ValueError);
  CHECK_THROWS_AS(json::get_object(object, "o", ""), base::ParseError);
  CHECK_THROWS_AS(json::get_array(object, "a", ""), base::ParseError);
}

TEST_CASE("json refuses hostile documents") {
  CHECK_THROWS_AS(json::parse("", "it"), base::ParseError);
  CHECK_THROWS_AS(json::parse("{} x", "it"), base::ParseError);
  CHECK_THROWS_AS(json::parse("{\"a\":\"\xff\"}", "it"), base::ParseError);
  CHECK_THROWS_AS(json::parse(std::string(100000, '['), "it"), base::ParseError);
  CHECK(json::parse(" {\"a\":1}\n", "it").at("a") == 1);
}

TEST_CASE("json judges whole numbers of any size") {
  const json::Value object = json::Value::parse(
      R"({"five":5.0,"half":0.5,"huge":1e300,"low":-9.3e18,"unsigned":18446744073709551615})");
  CHECK(json::get_integer(object, "five", "", 0, 10) == 5);
  CHECK_THROWS_AS(json::get_integer(object, "half", "", 0, 10), base::ParseError);
  for (const char* key : {"huge", "low", "unsigned"})
    CHECK_THROWS_AS(json::get_integer(object, key, "", INT64_MIN, INT64_MAX), base::ValueError);
}

TEST_CASE("json bounds the depth of a document") {
  const auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  CHECK_NOTHROW(json::parse(nested(64), "it"));
  CHECK_THROWS_AS(json::parse(nested(66), "it"), base::ParseError);
  CHECK_NOTHROW(json::check_depth(R"({"[[[[[[[[[[":"]"})" + std::string(), "it"));
  CHECK_THROWS_AS(json::check_depth(nested(65), "it"), base::ParseError);
}
