#include "flanneld/commands/doctor_report.h"

#include <doctest/doctest.h>

#include "common/json/json.h"

using namespace flanneld;
using State = Finding::State;

TEST_CASE("doctor: findings are printed one a line, or as JSON whatever bytes they hold") {
  const std::vector<Finding> findings{{State::ok, "MTU", "fine", ""},
                                      {State::fail, "etcd", "down", "start it"}};
  CHECK(findings_text(findings) == "ok    MTU: fine\nfail  etcd: down — start it\n");
  const auto json = json::parse(findings_json(findings), "doctor");
  CHECK(json["checks"][1]["state"] == "fail");
  CHECK_NOTHROW(findings_json({{State::ok, "x", "\xff\xfe", ""}}));
}
