#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/cni/delegate.h"
#include "common/cni/error.h"
#include "common/cni/request.h"
#include "common/cni/result.h"
#include "common/cni/version.h"

using cni::Error;
using cni::ErrorCode;

namespace {

template <class Action>
ErrorCode code_of(Action&& action) {
  try {
    action();
  } catch (...) {
    const cni::Error error = cni::current_error();
    return error.code();
  }
  return ErrorCode::internal;
}

cni::Result sample_result() {
  return cni::Result::parse(json::Value::parse(R"({"cniVersion":"1.1.0",
    "interfaces":[{"name":"cni0","mac":"0a:00:00:00:00:01","mtu":1450},{"name":"eth0","sandbox":"/run/netns/x","socketPath":"/s","pciID":"p"}],
    "ips":[{"interface":1,"address":"10.1.17.2/24","gateway":"10.1.17.1"},{"interface":1,"address":"fc00::2/64"}],
    "routes":[{"dst":"10.1.0.0/16"},{"dst":"::/0","gw":"fc00::1","mtu":1400,"table":0}],
    "dns":{"nameservers":["10.0.0.10"],"search":["a","b"]}})"),
                            "1.1.0");
}

}  // namespace

TEST_CASE("versions compare by number") {
  CHECK(cni::version_less("0.3.1", "0.4.0"));
  CHECK(cni::version_less("0.9", "0.10.0"));
  CHECK_FALSE(cni::version_less("1.0.0", "1.0"));
  for (const char* bad : {"", "a", "1.", "1.2.3.4", "1.-2", "99999999999.0.0"})
    CHECK_MESSAGE(code_of([&] { cni::version_less(bad, "1.0.0"); }) == ErrorCode::decoding_failure, bad);
}

TEST_CASE("identifiers and interface names cannot leave a directory or hold a trick") {
  for (const char* good : {"a", "0", "cnitool-77383ca0a0715733ca6f", "A_b.c-d"})
    CHECK_MESSAGE(cni::is_valid_identifier(good), good);
  for (const char* bad : {"", ".", "..", "-a", "_a", "a/b", "../x", "a b", "a\n", "a:b", "ä"})
    CHECK_MESSAGE(!cni::is_valid_identifier(bad), bad);
  CHECK(cni::is_valid_identifier(std::string(239, 'a')));
  CHECK_FALSE(cni::is_valid_identifier(std::string(240, 'a')));
  for (const char* good : {"eth0", "a", "123456789012345", "net@1"})
    CHECK_MESSAGE(cni::ifname_problem(good).empty(), good);
  for (const char* bad :
       {"", ".", "..", "a/b", "a:b", "a b", "a\tb", "1234567890123456", "a\u00a0b", "a\u2003b"})
    CHECK_MESSAGE(!cni::ifname_problem(bad).empty(), bad);
}

TEST_CASE("CNI_ARGS") {
  CHECK(cni::parse_args("", {"IP"}).empty());
  CHECK(cni::parse_args("IP=10.0.0.1", {"IP"}).at("IP") == "10.0.0.1");
  CHECK(cni::parse_args("K8S_POD_UID=x;IP=;IgnoreUnknown=1", {"IP"}).at("IP").empty());
  CHECK(cni::parse_args("IgnoreUnknown=TRUE;FOO=bar", {}).empty());
  for (const char* bad : {"IP", "IP=1;", ";", "IP=a=b", "=x", "FOO=bar", "FOO=bar;IgnoreUnknown=0",
                          "IgnoreUnknown=yes", "ip=1"})
    CHECK_MESSAGE(code_of([&] { cni::parse_args(bad, {"IP"}); }) == ErrorCode::invalid_environment, bad);
}

TEST_CASE("result: every form") {
  const cni::Result result = sample_result();
  CHECK(
      result.to_json("1.1.0").dump() ==
      R"({"cniVersion":"1.1.0","interfaces":[{"name":"cni0","mac":"0a:00:00:00:00:01","mtu":1450},{"name":"eth0","sandbox":"/run/netns/x","socketPath":"/s","pciID":"p"}],"ips":[{"interface":1,"address":"10.1.17.2/24","gateway":"10.1.17.1"},{"interface":1,"address":"fc00::2/64"}],"routes":[{"dst":"10.1.0.0/16"},{"dst":"::/0","gw":"fc00::1","mtu":1400,"table":0}],"dns":{"nameservers":["10.0.0.10"],"search":["a","b"]}})");
  const auto v1 = result.to_json("1.0.0");
  CHECK_FALSE(v1["interfaces"][0].contains("mtu"));
  CHECK_FALSE(v1["ips"][0].contains("version"));
  const auto v04 = result.to_json("0.4.0");
  CHECK(v04["ips"][0]["version"] == "4");
  CHECK(v04["ips"][1]["version"] == "6");
  CHECK(
      result.to_json("0.2.0").dump() ==
      R"({"cniVersion":"0.2.0","ip4":{"ip":"10.1.17.2/24","gateway":"10.1.17.1","routes":[{"dst":"10.1.0.0/16"}]},"ip6":{"ip":"fc00::2/64","routes":[{"dst":"::/0","gw":"fc00::1"}]},"dns":{"nameservers":["10.0.0.10"],"search":["a","b"]}})");
  cni::Result empty;
  CHECK(empty.to_json("0.3.1").dump() == R"({"cniVersion":"0.3.1","dns":{}})");
  CHECK(empty.to_json("1.0.0").dump() == R"({"cniVersion":"1.0.0"})");
  CHECK_THROWS_WITH_AS(static_cast<void>(empty.to_json("0.1.0")), doctest::Contains("no valid IP addresses"),
                       Error);
}

TEST_CASE("result: what is printed is read back, in each form") {
  const cni::Result result = sample_result();
  for (const char* version : {"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}) {
    const std::string text = result.to_json(version).dump();
    CHECK(cni::Result::parse(json::Value::parse(text), version).to_json(version).dump() == text);
  }
  CHECK_THROWS_AS(cni::Result::parse(json::Value::parse(R"({"cniVersion":"0.2.0"})"), "1.0.0"), Error);
  CHECK_THROWS_AS(cni::Result::parse(json::Value::parse(R"({"ips":[{"address":"10.0.0.300/24"}]})"), "1.0.0"),
                  Error);
  CHECK_THROWS_AS(cni::Result::parse(json::Value::parse(R"({"ips":"x"})"), "1.0.0"), base::ParseError);
  CHECK_THROWS_AS(cni::Result::parse(json::Value::parse("[]"), "1.0.0"), Error);
}

TEST_CASE("GC: valid attachments in both spellings") {
  cni::Request request;
  request.config =
      json::Value::parse(R"({"cni.dev/valid-attachments":[{"containerID":"a","ifname":"eth0"}]})");
  CHECK(request.valid_attachments() == std::vector<cni::Attachment>{{"a", "eth0"}});
  request.config = json::Value::parse(R"({"cni.dev/attachments":[{"containerID":"b","ifname":"eth1"}]})");
  CHECK(request.valid_attachments() == std::vector<cni::Attachment>{{"b", "eth1"}});
  request.config = json::Value::object();
  CHECK(request.valid_attachments().empty());
  for (const char* bad :
       {R"({"cni.dev/valid-attachments":{}})", R"({"cni.dev/valid-attachments":[{"containerID":"a"}]})",
        R"({"cni.dev/valid-attachments":[5]})"}) {
    request.config = json::Value::parse(bad);
    CHECK_MESSAGE(
        code_of([&] { static_cast<void>(request.valid_attachments()); }) == ErrorCode::decoding_failure, bad);
  }
}

TEST_CASE("delegates: plain names only, and no answer without bounds") {
  char name[] = "/tmp/flannel-unit.XXXXXX";
  const std::string directory = ::mkdtemp(name);
  cni::Request request;
  request.path = directory;
  request.config = json::Value::object();
  base::write_file_atomic(directory + "/deep", "#!/bin/sh\nhead -c 100000 /dev/zero | tr '\\0' '['\n", 0755);
  CHECK(code_of([&] { cni::run_delegate("deep", "ADD", request); }) == ErrorCode::decoding_failure);
  for (const std::string& type : {std::string("../deep"), std::string("/bin/sh"), std::string("."),
                                  std::string(".."), std::string(), std::string("deep\0x", 6)})
    CHECK_MESSAGE(code_of([&] { cni::find_plugin(type, request); }) == ErrorCode::invalid_config, type);
  std::filesystem::remove_all(directory);
}

TEST_CASE("Attempts: goes on, and tells of all failures with the first one's code") {
  cni::Attempts attempts;
  int done = 0;
  attempts.run("first", [] { throw Error(ErrorCode::io_failure, "disk"); });
  attempts.run("second", [&] { ++done; });
  attempts.run("third", [] { throw Error(ErrorCode::conflict, "taken", "by x"); });
  CHECK(done == 1);
  try {
    attempts.throw_if_any();
    FAIL("must throw");
  } catch (...) {
    const cni::Error error = cni::current_error();
    CHECK(error.code() == ErrorCode::io_failure);
    CHECK(error.details() == "first: disk; third: taken; by x");
  }
}
