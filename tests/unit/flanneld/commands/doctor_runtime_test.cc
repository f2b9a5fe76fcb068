#include "flanneld/commands/doctor_runtime.h"

#include <doctest/doctest.h>

#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;
using State = Finding::State;

namespace {

CniFiles cni_files(const std::string& text) {
  return {.first = "10-flannel.conflist",
          .text = text,
          .others = {},
          .programs = {{"/opt/cni/bin", {"flannel", "portmap"}}, {"/usr/lib/cni", {}}}};
}

}  // namespace

TEST_CASE("doctor: flannel's network configuration must come first and its plugins be installed") {
  const std::string chain = R"({"plugins":[{"type":"flannel"},{"type":"portmap"}]})";
  CHECK(check_cni(std::nullopt).state == State::fail);
  CHECK(check_cni(cni_files(chain)).state == State::ok);
  CHECK(check_cni(cni_files(R"({"type":"flannel"})")).state == State::ok);
  CHECK(contains(check_cni(cni_files(R"({"type":"bridge"})")).finding, "not flannel's"));
  CHECK(contains(check_cni(cni_files(R"({"plugins":[{"type":"flannel"},{"type":"tuning"}]})")).finding,
                 "names 'tuning'"));
  for (const char* damaged : {"", "{", "[]", R"({"plugins":[7]})", R"({"plugins":{"type":7}})"})
    CHECK(check_cni(cni_files(damaged)).state == State::fail);
  CniFiles several = cni_files(chain);
  several.others = {"20-calico.conflist"};
  CHECK(check_cni(several).state == State::warn);
}

TEST_CASE("doctor: plugins may be in either directory that runtimes look in, all in one") {
  CniFiles files = cni_files(R"({"plugins":[{"type":"flannel"},{"type":"portmap"}]})");
  files.programs = {{"/opt/cni/bin", {}}, {"/usr/lib/cni", {"flannel", "portmap"}}};
  CHECK(check_cni(files) == Finding{.state = State::ok,
                                    .name = "network configuration",
                                    .finding = "'10-flannel.conflist': flannel, portmap in /usr/lib/cni"});
  files.programs = {{"/opt/cni/bin", {"flannel"}}, {"/usr/lib/cni", {"portmap"}}};
  const Finding apart = check_cni(files);
  CHECK(apart.state == State::fail);
  CHECK(contains(apart.finding, "names 'portmap', which /opt/cni/bin does not have"));
  CHECK(contains(apart.advice, "/usr/lib/cni"));
}

TEST_CASE("doctor: a runtime that watches another directory than the present one has to be restarted") {
  CHECK(check_runtime_watch({}).state == State::ok);
  CHECK(check_runtime_watch({{"containerd", 7, true}}).finding == "containerd (7) watches /etc/cni/net.d");
  const Finding lost = check_runtime_watch({{"crio", 9, true}, {"containerd", 7, false}});
  CHECK(lost.state == State::fail);
  CHECK(contains(lost.advice, "restart containerd"));
}
