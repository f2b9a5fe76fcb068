#include "flanneld/io/json_log.h"

#include <doctest/doctest.h>

using flanneld::json_log_line;

TEST_CASE("json_log: a line is one object, whatever its text holds") {
  CHECK(json_log_line("2026-11-24T15:04:05.678Z", "warning", "file '/a': \"no\" \\ …") ==
        R"({"time":"2026-11-24T15:04:05.678Z","level":"warning","message":"file '/a': \"no\" \\ …"})");
}

TEST_CASE("json_log: a text that was cut within a character does no harm") {
  CHECK(json_log_line("t", "info", "a\xe2\x80") ==
        "{\"time\":\"t\",\"level\":\"info\",\"message\":\"a\ufffd\"}");
}
