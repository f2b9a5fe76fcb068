// The annotations of Nodes, byte for byte as Go flanneld writes them.
#include "flanneld/store/kube/annotations.h"

#include <doctest/doctest.h>

#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;

namespace {

const std::string kPrefix = "flannel.alpha.coreos.com/";

LeaseAttributes attributes(const std::string& type, const std::string& v4, const std::string& v6,
                           const std::string& data = "", const std::string& v6_data = "") {
  LeaseAttributes result;
  result.backend_type = type;
  if (!v4.empty()) result.public_ip = ip(v4);
  if (!v6.empty()) result.public_ipv6 = ip(v6);
  result.backend_data = data;
  result.backend_v6_data = v6_data;
  return result;
}

std::string patch(const LeaseAttributes& of, const Annotations& present = {}) {
  return annotations_patch(kPrefix, present, wanted_annotations(of, present));
}

}  // namespace

TEST_CASE("kube annotations: each backend and family publishes what Go flanneld does") {
  const std::string data = R"({"VNI":1,"VtepMAC":"7a:c4:41:5b:10:1a"})";
  const std::string quoted = R"("{\"VNI\":1,\"VtepMAC\":\"7a:c4:41:5b:10:1a\"}")";
  const std::string p = "\"" + kPrefix;
  const std::string marker = p + "kube-subnet-manager\":\"true\"";
  CHECK(patch(attributes("vxlan", "10.250.0.1", "", data)) ==
        "{\"metadata\":{\"annotations\":{" + p + "backend-data\":" + quoted + "," + p +
            "backend-type\":\"vxlan\"," + marker + "," + p + "public-ip\":\"10.250.0.1\"}}}");
  CHECK(patch(attributes("vxlan", "10.250.0.2", "fd00:250::2", data, data)) ==
        "{\"metadata\":{\"annotations\":{" + p + "backend-data\":" + quoted + "," + p +
            "backend-type\":\"vxlan\"," + p + "backend-v6-data\":" + quoted + "," + marker + "," + p +
            "public-ip\":\"10.250.0.2\"," + p + "public-ipv6\":\"fd00:250::2\"}}}");
  CHECK(patch(attributes("vxlan", "", "fd00:250::2", "", data)) ==
        "{\"metadata\":{\"annotations\":{" + p + "backend-type\":\"vxlan\"," + p +
            "backend-v6-data\":" + quoted + "," + marker + "," + p + "public-ipv6\":\"fd00:250::2\"}}}");
  CHECK(patch(attributes("host-gw", "10.250.0.2", "")) ==
        "{\"metadata\":{\"annotations\":{" + p + "backend-data\":\"null\"," + p +
            "backend-type\":\"host-gw\"," + marker + "," + p + "public-ip\":\"10.250.0.2\"}}}");
  CHECK(patch(attributes("host-gw", "", "fd00:250::2")) ==
        "{\"metadata\":{\"annotations\":{" + p + "backend-data\":\"null\"," + p +
            "backend-type\":\"host-gw\"," + p + "backend-v6-data\":\"null\"," + marker + "," + p +
            "public-ip\":\"0.0.0.0\"," + p + "public-ipv6\":\"fd00:250::2\"}}}");
  CHECK(patch(attributes("", "10.250.0.7", "fd00:250::7")) ==
        "{\"metadata\":{\"annotations\":{" + p + "backend-data\":\"null\"," + p + "backend-type\":\"\"," +
            marker + "," + p + "public-ip\":\"10.250.0.7\"}}}");
}

TEST_CASE("kube annotations: of backend 'extension' no data are empty text") {
  CHECK(wanted_annotations(attributes("extension", "10.250.0.2", ""), {}).at("backend-data").empty());
  LeaseAttributes with = attributes("extension", "10.250.0.2", "");
  with.backend_data = R"("k")";
  CHECK(wanted_annotations(with, {}).at("backend-data") == R"("k")");
  LeaseAttributes read;
  read_family({{"public-ip", "10.250.0.2"}, {"backend-type", "extension"}, {"backend-data", ""}},
              base::Family::v4, read);
  CHECK(read == attributes("extension", "10.250.0.2", ""));
}

TEST_CASE("kube annotations: a patch holds what differs, and removes what is not published any more") {
  const LeaseAttributes of = attributes("host-gw", "10.250.0.2", "");
  Annotations present = wanted_annotations(of, {});
  CHECK(patch(of, present).empty());
  present["backend-v6-data"] = "null";
  present["public-ipv6"] = "fd00::1";
  present["public-ip"] = "10.250.0.3";
  present["something"] = "else";
  CHECK(
      patch(of, present) ==
      R"({"metadata":{"annotations":{"flannel.alpha.coreos.com/backend-v6-data":null,)"
      R"("flannel.alpha.coreos.com/public-ip":"10.250.0.2","flannel.alpha.coreos.com/public-ipv6":null}}})");
}

TEST_CASE("kube annotations: an operator's overwrite is published verbatim, escaped as Go does") {
  const LeaseAttributes of = attributes("host-gw", "10.250.0.2", "fd00::2");
  Annotations present = wanted_annotations(of, {});
  present["public-ip-overwrite"] = "203.0.113.1";
  present["public-ipv6-overwrite"] = "<a&\"b\">\u2028";
  CHECK(patch(of, present) ==
        R"({"metadata":{"annotations":{"flannel.alpha.coreos.com/public-ip":"203.0.113.1",)"
        R"("flannel.alpha.coreos.com/public-ipv6":"\u003ca\u0026\"b\"\u003e\u2028"}}})");
}

TEST_CASE("kube annotations: the condition's patch") {
  CHECK(network_condition_patch(std::chrono::sys_seconds(std::chrono::seconds(1795680000))) ==
        R"({"status":{"conditions":[{"type":"NetworkUnavailable","status":"False",)"
        R"("lastHeartbeatTime":"2026-11-26T08:00:00Z","lastTransitionTime":"2026-11-26T08:00:00Z",)"
        R"("reason":"FlannelIsUp","message":"Flannel is running on this node"}]}})");
}

TEST_CASE("kube annotations: a family is read, and what cannot be is an error") {
  LeaseAttributes read;
  read_family({{"public-ip", "10.0.0.1"}, {"backend-type", "host-gw"}, {"backend-data", "null"}},
              base::Family::v4, read);
  CHECK(read == attributes("host-gw", "10.0.0.1", ""));
  read_family({{"public-ipv6", "fd00::1"}, {"backend-type", "host-gw"}}, base::Family::v6, read);
  CHECK(read == attributes("host-gw", "10.0.0.1", "fd00::1"));
  for (const char* text : {"", "nonsense", "fd00::1"})
    CHECK(contains(parse_failure([&] {
                     read_family({{"public-ip", text}}, base::Family::v4, read);
                   }),
                   "is not its IPv4 address"));
  for (const char* text : {"{", "{\"a\":}", "nul"})
    CHECK(contains(parse_failure([&] {
                     read_family({{"public-ip", "10.0.0.1"}, {"backend-data", text}}, base::Family::v4, read);
                   }),
                   "no JSON"));
}
