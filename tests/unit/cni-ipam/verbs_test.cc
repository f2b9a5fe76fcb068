// The verbs on a real directory: the checklist of host-local's host_local_test.go, GC and STATUS.
#include <doctest/doctest.h>

#include <chrono>

#include "cni-ipam/verbs.h"
#include "common/base/file_lock.h"
#include "tests/unit/cni-ipam/test_support.h"

using namespace ipam_test;

namespace {

const std::string kDual =
    R"("ranges":[[{"subnet":"10.1.2.0/24"},{"subnet":"10.2.2.0/24"}],[{"subnet":"2001:db8:1::/64"}]])";
const std::string kSmall = R"("subnet":"10.1.2.0/29")";

std::string addresses(const cni::Result& result) {
  std::string text;
  for (const auto& one : result.ips) text += (text.empty() ? "" : " ") + one.address.str();
  return text;
}

std::string add(const Node& node, const std::string& id, const std::string& ipam,
                const std::string& more = "", const std::string& version = "1.0.0") {
  return addresses(ipam::add(node.request(id, ipam, more, version), node.machine));
}

std::string add_error(const Node& node, const std::string& id, const std::string& ipam,
                      const std::string& more = "") {
  return error_of([&] { add(node, id, ipam, more); });
}

std::string previous(const std::string& address) {
  return R"("prevResult":{"cniVersion":"1.0.0","ips":[{"address":")" + address + R"("}]})";
}

}  // namespace

TEST_CASE("ADD gives an address of each range set, in every spec version") {
  for (const char* version : {"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}) {
    CAPTURE(version);
    Node node;
    node.write("resolv.conf", "nameserver 192.0.2.3\nsearch example\n");
    const cni::Request request = node.request(
        "dummy",
        kDual + R"(,"resolvConf":")" + node.store +
            R"(/resolv.conf","routes":[{"dst":"0.0.0.0/0"},{"dst":"192.168.0.0/16","gw":"1.1.1.1"}])",
        "", version);
    const cni::Result result = ipam::add(request, node.machine);
    CHECK(addresses(result) == "10.1.2.2/24 2001:db8:1::2/64");
    CHECK(result.ips[0].gateway == ip("10.1.2.1"));
    CHECK(result.ips[1].gateway == ip("2001:db8:1::1"));
    CHECK_FALSE(result.ips[0].interface);
    CHECK(result.interfaces.empty());
    CHECK(result.routes.at(1).gw == ip("1.1.1.1"));
    CHECK(result.dns.nameservers == std::vector<std::string>{"192.0.2.3"});
    const auto json = result.to_json(version);
    CHECK(json["ips"][0].contains("version") == (std::string(version) < "1"));
    CHECK(json["ips"][0].value("version", "4") == "4");
    CHECK(node.file("10.1.2.2") == "dummy\r\neth0");
    CHECK(node.file("2001:db8:1::2") == "dummy\r\neth0");
    CHECK(node.file("last_reserved_ip.0") == "10.1.2.2");
    CHECK(node.file("last_reserved_ip.1") == "2001:db8:1::2");
    ipam::check(request, node.machine);
    ipam::del(request, node.machine);
    CHECK(node.leases().empty());
    CHECK(error_of([&] { ipam::check(request, node.machine); }).find("102 ") == 0);
  }
}

TEST_CASE("ADD answers 0.1.0 and 0.2.0 in their form") {
  for (const char* version : {"0.1.0", "0.2.0"}) {
    Node node;
    const auto json =
        ipam::add(node.request("a", R"("ranges":[[{"subnet":"10.1.2.0/24"}],[{"subnet":"fd00::/64"}]])", "",
                               version),
                  node.machine)
            .to_json(version);
    CHECK(json["ip4"]["ip"] == "10.1.2.2/24");
    CHECK(json["ip6"]["gateway"] == "fd00::1");
  }
}

TEST_CASE("a container holds addresses by network and by interface") {
  Node node;
  cni::Request one = node.request("dummy", R"("subnet":"10.1.2.0/24")");
  cni::Request two = node.request("dummy", R"("subnet":"10.2.2.0/24")");
  one.network = "net0";
  two.attachment.ifname = "eth1";
  cni::Request same_net = node.request("dummy", R"("subnet":"10.2.2.0/24")");
  ipam::add(one, node.machine);
  CHECK(addresses(ipam::add(same_net, node.machine)) == "10.2.2.2/24");
  CHECK(addresses(ipam::add(two, node.machine)) == "10.2.2.3/24");
  ipam::del(two, node.machine);
  CHECK(node.leases() == std::set<std::string>{"10.2.2.2"});
  CHECK(std::filesystem::exists(node.data + "/net0/10.1.2.2"));
  ipam::del(one, node.machine);
  CHECK_FALSE(std::filesystem::exists(node.data + "/net0/10.1.2.2"));
  CHECK(node.leases() == std::set<std::string>{"10.2.2.2"});
}

TEST_CASE("a second ADD fails and leaves the first its address") {
  Node node;
  CHECK(add(node, "a", kSmall) == "10.1.2.2/29");
  CHECK(add_error(node, "a", kSmall) ==
        "101 10.1.2.2 has been allocated to a, duplicate allocation is not allowed");
  CHECK(add(node, "b", kSmall) == "10.1.2.3/29");
  CHECK(add_error(node, "a", kSmall).find("101 ") == 0);
  CHECK(add_error(node, "a", kSmall, R"("runtimeConfig":{"ips":["10.1.2.6"]})").find("101 ") == 0);
  CHECK(add_error(node, "a", R"("ranges":[[{"subnet":"10.9.0.0/24"}],[{"subnet":"10.1.2.0/29"}]])")
            .find("101 ") == 0);
  CHECK(node.leases() == std::set<std::string>{"10.1.2.2", "10.1.2.3"});
}

TEST_CASE("a failed ADD leaves no lease") {
  Node node;
  CHECK(add_error(node, "a", kSmall + R"(,"resolvConf":"/nowhere")").find("5 ") == 0);
  CHECK(add_error(node, "a", R"("subnet":"10.1.2.0/32")").find("7 ") == 0);
  CHECK(add_error(node, "a", kSmall + R"(,"routes":[{"dst":"x"}])").find("6 ") == 0);
  CHECK_FALSE(std::filesystem::exists(node.store));  // nothing was touched yet
  add(node, "x", R"("subnet":"10.5.0.0/30")");
  const std::string second_full = R"("ranges":[[{"subnet":"10.1.2.0/24"}],[{"subnet":"10.5.0.0/30"}]])";
  CHECK(add_error(node, "a", second_full) ==
        "11 failed to allocate for range 1: no IP addresses available in range set: 10.5.0.1-10.5.0.2");
  CHECK(add_error(node, "a", R"("ranges":[[{"subnet":"10.1.2.0/24"}],[{"subnet":"10.5.0.0/30"}]])",
                  R"("runtimeConfig":{"ips":["10.5.0.2"]})")
            .find("101 ") == 0);
  CHECK(node.leases() == std::set<std::string>{"10.5.0.2"});
}

TEST_CASE("DEL releases what the attachment holds, and nothing else") {
  Node node;
  SUBCASE("of an unknown network makes nothing") {
    ipam::del(node.request("a", kSmall), node.machine);
    CHECK_FALSE(std::filesystem::exists(node.data));
  }
  SUBCASE("of an unknown container succeeds") {
    add(node, "a", kSmall);
    ipam::del(node.request("unknown", kSmall), node.machine);
    CHECK(node.leases().size() == 1);
  }
  SUBCASE("frees an id-only lease, when there is no newer one") {
    node.write("10.1.2.4", "a");
    node.write("10.1.2.5", "a\n");
    node.write("10.1.2.6", "b");
    ipam::del(node.request("a", kSmall), node.machine);
    CHECK(node.leases() == std::set<std::string>{"10.1.2.6"});
    node.write("10.1.2.4", "a");
    node.write("10.1.2.5", "a\r\neth0");
    ipam::del(node.request("a", kSmall), node.machine);
    CHECK(node.leases() == std::set<std::string>{"10.1.2.4", "10.1.2.6"});
  }
  SUBCASE("stores and frees an id with white space around it") {
    add(node, "   a\n  ", kSmall);
    CHECK(node.file("10.1.2.2") == "a\r\neth0");
    ipam::del(node.request("  a ", kSmall), node.machine);
    CHECK(node.leases().empty());
  }
  SUBCASE("works when the ranges are broken, gone or others") {
    for (const char* ranges :
         {R"("subnet":"10.1.2.0/31")", "", R"("ranges":5)", R"("subnet":"192.168.0.0/24")"}) {
      add(node, "a", kDual);
      ipam::del(node.request("a", ranges), node.machine);
      CHECK(node.leases().empty());
    }
  }
  SUBCASE("twice") {
    add(node, "a", kSmall);
    ipam::del(node.request("a", kSmall), node.machine);
    ipam::del(node.request("a", kSmall), node.machine);
  }
}

TEST_CASE("ADD gives a requested address, or says why not") {
  Node node;
  cni::Request by_args = node.request("a", kDual);
  by_args.args = "IP=10.1.2.88";
  CHECK(addresses(ipam::add(by_args, node.machine)) == "10.1.2.88/24 2001:db8:1::2/64");
  CHECK(add(node, "b", kDual, R"("args":{"cni":{"ips":["10.2.2.99","2001:db8:1::999"]}})") ==
        "10.2.2.99/24 2001:db8:1::999/64");
  CHECK(add(node, "c", kDual, R"("runtimeConfig":{"ips":["2001:db8:1::77/64"]})").find("2001:db8:1::77/64") !=
        std::string::npos);
  CHECK(add_error(node, "d", kDual, R"("args":{"cni":{"ips":["10.1.2.77","10.1.2.78"]}})") ==
        "7 failed to allocate all requested IPs: 10.1.2.78");
  CHECK(add_error(node, "d", kDual, R"("args":{"cni":{"ips":["10.1.2.1"]}})").find("7 ") == 0);
  CHECK(details_of([&] { add(node, "d", kDual, R"("runtimeConfig":{"ips":["10.2.2.99"]})"); }) ==
        "it is held by container 'b', interface 'eth0'");
  CHECK_FALSE(node.has("10.1.2.77"));
}

TEST_CASE("CHECK compares the leases with prevResult") {
  Node node;
  add(node, "a", kSmall);
  add(node, "b", kSmall);
  const auto check = [&](const std::string& id, const std::string& more, const std::string& ranges = kSmall) {
    return error_of([&] { ipam::check(node.request(id, ranges, more), node.machine); });
  };
  CHECK(check("a", "") == "");
  CHECK(check("a", previous("10.1.2.2/29")) == "");
  CHECK(check("a", previous("192.168.0.9/24")) == "");  // another plugin's
  CHECK(check("a", previous("10.1.2.3/29")) == "102 10.1.2.3 is not held by container 'a', interface 'eth0'");
  CHECK(contains(
      details_of([&] { ipam::check(node.request("a", kSmall, previous("10.1.2.3/29")), node.machine); }),
      "held by container 'b'"));
  CHECK(contains(
      details_of([&] { ipam::check(node.request("a", kSmall, previous("10.1.2.6/29")), node.machine); }),
      "nobody holds it"));
  CHECK(check("a", previous("10.1.2.2/29"), R"("subnet":"broken")") == "");
  CHECK(check("c", "").find("102 container 'c', interface 'eth0' holds no address") == 0);
  Node empty;
  CHECK(error_of([&] { ipam::check(empty.request("a", kSmall), empty.machine); }).find("102 ") == 0);
  CHECK_FALSE(std::filesystem::exists(empty.data));
}

TEST_CASE("GC releases what no valid attachment holds") {
  Node node;
  const auto gc = [&](const std::string& more, const std::string& ranges = kSmall) {
    ipam::gc(node.request("", ranges, more, "1.1.0"), node.machine);
  };
  gc("");
  CHECK_FALSE(std::filesystem::exists(node.data));
  add(node, "a", kSmall);
  add(node, "b", kSmall);
  node.write("10.1.2.4", "c");
  node.write("10.1.2.5", "d");
  node.write("10.1.2.6", "");
  SUBCASE("keeps what is valid, by either spelling of the key") {
    for (const char* key : {"cni.dev/valid-attachments", "cni.dev/attachments"}) {
      gc(std::string("\"") + key +
         R"(":[{"containerID":"a","ifname":"eth0"},{"containerID":"c","ifname":"eth7"},{"containerID":"b","ifname":"eth1"}])");
      CHECK(node.leases() == std::set<std::string>{"10.1.2.2", "10.1.2.4"});
    }
    CHECK(add(node, "e", kSmall).find("10.1.2.") == 0);
  }
  SUBCASE("no list means that nothing is valid") {
    gc("");
    CHECK(node.leases().empty());
  }
  SUBCASE("an empty list likewise, with broken ranges") {
    gc(R"("cni.dev/valid-attachments":[])", R"("ranges":7)");
    CHECK(node.leases().empty());
  }
  SUBCASE("a list that cannot be read removes nothing") {
    CHECK(error_of([&] { gc(R"("cni.dev/valid-attachments":[{"containerID":"a"}])"); }).find("6 ") == 0);
    CHECK(error_of([&] { gc(R"("cni.dev/valid-attachments":"a")"); }).find("6 ") == 0);
    CHECK(node.leases().size() == 5);
  }
}

TEST_CASE("STATUS tells what would keep ADD from working, and changes nothing") {
  Node node;
  const auto status = [&](const std::string& ipam) {
    return error_of([&] { ipam::status(node.request("", ipam, "", "1.1.0"), node.machine); });
  };
  CHECK(status(kSmall) == "");
  CHECK_FALSE(std::filesystem::exists(node.data));
  CHECK(status("") == "50 no IP ranges specified");
  CHECK(status(R"("subnet":7)").find("50 ") == 0);
  CHECK(status(kSmall + R"(,"resolvConf":"/nowhere")").find("50 ") == 0);
  std::filesystem::remove_all(node.data);
  base::write_file_atomic(node.data, "a file", 0600);
  CHECK(status(kSmall).find("50 store '") == 0);
}

TEST_CASE("STATUS is content with a full range: pods run here, and it is ADD that fails") {
  Node node;
  const auto status = [&] {
    return error_of([&] { ipam::status(node.request("", kSmall, "", "1.1.0"), node.machine); });
  };
  for (int i = 0; i < 5; ++i) add(node, fmt::format("c{}", i), kSmall);
  CHECK(status() == "");
  CHECK(error_of([&] { add(node, "more", kSmall); }).starts_with("11 "));
  CHECK(status() == "");
}

TEST_CASE("STATUS does not wait for a store that is in use") {
  Node node;
  add(node, "c1", kSmall);
  const auto dir = base::open_directory(node.store);
  REQUIRE(dir.valid());
  const auto lock = base::FileLock::acquire(dir.get(), "lock", 0600, std::chrono::seconds(1));
  CHECK(error_of([&] { ipam::status(node.request("", kSmall, "", "1.1.0"), node.machine); }) == "");
}

TEST_CASE("a full range names how many hold it and what frees an address") {
  Node node;
  for (int i = 0; i < 5; ++i) add(node, "c" + std::to_string(i), kSmall);
  const std::string details = details_of([&] { add(node, "more", kSmall); });
  for (const char* part : {"5 addresses", "held by 5 containers", "c0, c1", "DEL", "GC", "reboot"})
    CHECK(contains(details, part));
}

TEST_CASE("round robin goes over the whole range before it comes back") {
  Node node;
  std::string seen;
  for (int i = 0; i < 12; ++i) {
    seen += add(node, "c", kSmall) + " ";
    ipam::del(node.request("c", kSmall), node.machine);
  }
  CHECK(seen.find("10.1.2.2/29 10.1.2.3/29 10.1.2.4/29 10.1.2.5/29 10.1.2.6/29 10.1.2.2/29") == 0);
}
