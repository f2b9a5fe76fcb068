#include "flanneld/commands/doctor_forwarding.h"

#include <doctest/doctest.h>

#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;
using State = Finding::State;

namespace {

const std::vector<std::string> kKeys{"net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding"};

std::optional<std::string> file_of(const std::vector<std::string>& texts) {
  std::vector<SysctlFile> files;
  for (const std::string& text : texts) files.push_back({fmt::format("{}.conf", files.size()), text});
  return find_switching_off(files, kKeys);
}

}  // namespace

TEST_CASE("doctor: forwarding that is off fails, with the sysctl to set") {
  CHECK(check_forwarding(base::Family::v4, "1", Pods::some).state == State::ok);
  CHECK(check_forwarding(base::Family::v4, "0", Pods::some).state == State::fail);
  CHECK(contains(check_forwarding(base::Family::v4, "0", Pods::some).advice,
                 "sysctl -w net.ipv4.ip_forward=1"));
  CHECK(check_forwarding(base::Family::v6, std::nullopt, Pods::some).state == State::fail);
}

TEST_CASE("doctor: forwarding may be off until a node has its first pod, unless it would not stay on") {
  const Finding off = check_forwarding(base::Family::v4, "0", Pods::none);
  CHECK(off.state == State::ok);
  CHECK(off.finding == "net.ipv4.ip_forward is off, and the first pod's plugin switches it on");
  CHECK(off.repairs.empty());
  const std::vector<SysctlFile> files{{"/etc/sysctl.d/90-cloud.conf", "net.ipv4.ip_forward = 0\n"}};
  CHECK(check_forwarding(base::Family::v4, "0", Pods::none, files).state == State::warn);
  CHECK(check_forwarding(base::Family::v6, std::nullopt, Pods::none).state == State::fail);
}

TEST_CASE("doctor: the file that switches forwarding off is named, whether it is off now or not yet") {
  const std::vector<SysctlFile> files{{"/etc/sysctl.d/90-cloud.conf", "net.ipv4.ip_forward = 0\n"},
                                      {"/usr/lib/sysctl.d/95-v6.conf", "net/ipv6/conf/all/forwarding=0\n"}};
  const Finding off = check_forwarding(base::Family::v4, "0", Pods::some, files);
  CHECK(off.state == State::fail);
  CHECK(contains(off.advice, "'/etc/sysctl.d/90-cloud.conf' switches it off at boot"));
  const Finding on = check_forwarding(base::Family::v4, "1", Pods::some, files);
  CHECK(on.state == State::warn);
  CHECK(contains(on.finding, "is on, but '/etc/sysctl.d/90-cloud.conf' switches it off at boot"));
  CHECK(contains(check_forwarding(base::Family::v6, "1", Pods::some, files).finding,
                 "'/usr/lib/sysctl.d/95-v6.conf'"));
}

TEST_CASE("doctor: of sysctl's files the last line that names the setting counts, a pattern if none does") {
  CHECK(file_of({}) == std::nullopt);
  CHECK(file_of({"# net.ipv4.ip_forward=0\n; net.ipv4.ip_forward=0\nnet.ipv4.ip_forward\nkernel.x=0\n"}) ==
        std::nullopt);
  CHECK(file_of({"net.ipv4.ip_forward=0", "net.ipv4.ip_forward=1"}) == std::nullopt);
  CHECK(file_of({"net.ipv4.ip_forward=1", "  -net/ipv4/ip_forward = 0 "}) == "1.conf");
  CHECK(file_of({"net.ipv4.ip_forward=1\nnet.ipv4.conf.all.forwarding=0"}) == "0.conf");
  CHECK(file_of({"net.ipv4.conf.*.forwarding=0"}) == "0.conf");
  CHECK(file_of({"net.ipv4.conf.all.forwarding=1", "net.ipv4.conf.*.forwarding=0"}) == std::nullopt);
  CHECK(file_of({"net.ipv4.*=0"}) == "0.conf");
  CHECK(file_of({"net.*.forwarding=0"}) == std::nullopt);
}
