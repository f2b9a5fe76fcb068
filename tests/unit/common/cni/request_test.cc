#include "common/cni/request.h"

#include <doctest/doctest.h>

#include "common/cni/error.h"
#include "tests/unit/common/cni/test_support.h"

using cni::ErrorCode;
using cni_test::code_of;

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

TEST_CASE("an interface that is to be made has no name in which the kernel puts a number") {
  for (const char* bad : {"br%d", "%", "eth%%", "a%sb"}) {
    CHECK_MESSAGE(cni::new_ifname_problem(bad) == "contains '%'", bad);
    CHECK_MESSAGE(cni::ifname_problem(bad).empty(), bad);  // DEL finds none of that name, and that is all
  }
  CHECK(cni::new_ifname_problem("eth0").empty());
  CHECK_FALSE(cni::new_ifname_problem("a/b").empty());
}

TEST_CASE("CNI_ARGS are pairs, of which unknown keys must be allowed") {
  CHECK(cni::parse_args("", {"IP"}).empty());
  CHECK(cni::parse_args("IP=10.0.0.1", {"IP"}).at("IP") == "10.0.0.1");
  CHECK(cni::parse_args("K8S_POD_UID=x;IP=;IgnoreUnknown=1", {"IP"}).at("IP").empty());
  CHECK(cni::parse_args("IgnoreUnknown=TRUE;FOO=bar", {}).empty());
  for (const char* bad : {"IP", "IP=1;", ";", "IP=a=b", "=x", "FOO=bar", "FOO=bar;IgnoreUnknown=0",
                          "IgnoreUnknown=yes", "ip=1"})
    CHECK_MESSAGE(code_of([&] { cni::parse_args(bad, {"IP"}); }) == ErrorCode::invalid_environment, bad);
}

TEST_CASE("valid attachments are read in both spellings of their key") {
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

TEST_CASE("verbs are found by the name that they print") {
  using cni::Verb;
  for (const Verb verb : {Verb::add, Verb::del, Verb::check, Verb::gc, Verb::status, Verb::version})
    CHECK(cni::find_verb(cni::name_of(verb)) == verb);
  CHECK(cni::name_of(Verb::gc) == "GC");
  for (const char* other : {"", "add", "ADD ", "ADDED"}) CHECK_FALSE(cni::find_verb(other).has_value());
}
