#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "common/json/json.h"
#include "flanneld/commands/cleanup.h"
#include "flanneld/commands/doctor.h"
#include "flanneld/io/http_get.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;
using State = Finding::State;

namespace {

flannel::SubnetEnv env() {
  flannel::SubnetEnv env;
  env.networks = {net("10.244.0.0/16")};
  env.subnet = net("10.244.1.1/24");
  env.mtu = 1450;
  return env;
}

std::string udp_line(const std::string& port, const std::string& inode) {
  return "  263: 00000000:" + port +
         " 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 " + inode +
         " 2 0000000000000000 0\n";
}

CniFiles cni_files(const std::string& text) {
  return {"10-flannel.conflist", text, {}, {"flannel", "portmap"}};
}

}  // namespace

TEST_CASE("doctor: forwarding") {
  CHECK(judge_forwarding(base::Family::v4, "1").state == State::ok);
  CHECK(judge_forwarding(base::Family::v4, "0").state == State::fail);
  CHECK(contains(judge_forwarding(base::Family::v4, "0").advice, "sysctl -w net.ipv4.ip_forward=1"));
  CHECK(judge_forwarding(base::Family::v6, std::nullopt).state == State::fail);
}

TEST_CASE("doctor: bridge netfilter") {
  CHECK(judge_bridge_filter("1").state == State::ok);
  CHECK(judge_bridge_filter("0").state == State::warn);
  CHECK(judge_bridge_filter(std::nullopt).advice == "modprobe br_netfilter");
}

TEST_CASE("doctor: the external interface and the rule that chose it") {
  InterfaceChoice choice;
  choice.rejected = {"default route: there is no IPv4 default route"};
  CHECK(judge_interface(choice).state == State::fail);
  CHECK(contains(judge_interface(choice).finding, "no IPv4 default route"));
  choice.chosen =
      ExternalInterface{2, "eth0", 1500, ip("192.168.1.5"), {}, ip("203.0.113.9"), {}, "--iface=eth0"};
  const Finding chosen = judge_interface(choice);
  CHECK(chosen.state == State::ok);
  CHECK(contains(chosen.finding, "'eth0' 192.168.1.5, public 203.0.113.9, MTU 1500, by --iface=eth0"));
}

TEST_CASE("doctor: MTU") {
  MtuFacts facts{1500, 1450, 1450, {{"flannel.1", 1450}}};
  CHECK(judge_mtu(facts).state == State::ok);
  facts.external = 1400;
  CHECK(contains(judge_mtu(facts).finding, "do not fit the interface"));
  facts.external = 1500;
  facts.pods = 1500;
  CHECK(contains(judge_mtu(facts).finding, "FLANNEL_MTU does not fit flannel.1"));
  facts.pods = 1450;
  facts.bridge = 1500;
  CHECK(judge_mtu(facts).state == State::fail);
  facts.bridge = 1400;
  CHECK(judge_mtu(facts).state == State::warn);
  CHECK(judge_mtu({1500, {}, 1500, {}}).state == State::ok);  // host-gw
  CHECK(judge_mtu({}).state == State::ok);
}

TEST_CASE("doctor: a VXLAN device over IPv6 needs 20 bytes more than one over IPv4") {
  MtuFacts facts;
  facts.external = 1500;
  facts.devices = {{"flannel.1", 1450}, {"flannel-v6.1", 1430}};
  CHECK(judge_mtu(facts).state == State::ok);
  facts.devices.back().mtu = 1431;
  CHECK(judge_mtu(facts).state == State::fail);
  CHECK(contains(judge_mtu(facts).finding, "flannel-v6.1 and its overhead of 70 bytes"));
}

TEST_CASE("doctor: the sockets on a UDP port") {
  const std::string tables = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when ...\n" +
                             udp_line("2118", "501") + udp_line("2119", "502") + udp_line("2118", "503");
  CHECK(inodes_of_port(8472, tables) == std::vector<std::string>{"501", "503"});
  CHECK(inodes_of_port(8473, tables) == std::vector<std::string>{"502"});
  CHECK(inodes_of_port(8472, "garbage\n\n : :\n").empty());
}

TEST_CASE("doctor: the UDP port is the kernel's") {
  CHECK(judge_udp_port(8472, true, true, {}).state == State::ok);
  CHECK(judge_udp_port(8472, false, false, {}).state == State::ok);
  CHECK(judge_udp_port(8472, true, false, {}).state == State::fail);
  CHECK(contains(judge_udp_port(8472, false, true, "77 (named)").finding, "process 77 (named) has taken it"));
}

TEST_CASE("doctor: the bridge's address is that of the subnet file") {
  CHECK(judge_bridge_address({}, false, env()).state == State::ok);
  CHECK(judge_bridge_address({net("10.244.1.1/24")}, true, env()).state == State::ok);
  const Finding other = judge_bridge_address({net("10.244.7.1/24")}, true, env());
  CHECK(other.state == State::fail);
  CHECK(contains(other.finding, "cni0 has 10.244.7.1/24, and subnet.env says 10.244.1.1/24"));
}

TEST_CASE("doctor: the runtime's network configuration") {
  const std::string chain = R"({"plugins":[{"type":"flannel"},{"type":"portmap"}]})";
  CHECK(judge_cni(std::nullopt).state == State::fail);
  CHECK(judge_cni(cni_files(chain)).state == State::ok);
  CHECK(judge_cni(cni_files(R"({"type":"flannel"})")).state == State::ok);
  CHECK(contains(judge_cni(cni_files(R"({"type":"bridge"})")).finding, "not flannel's"));
  CHECK(contains(judge_cni(cni_files(R"({"plugins":[{"type":"flannel"},{"type":"tuning"}]})")).finding,
                 "names 'tuning'"));
  for (const char* damaged : {"", "{", "[]", R"({"plugins":[7]})", R"({"plugins":{"type":7}})"})
    CHECK(judge_cni(cni_files(damaged)).state == State::fail);
  CniFiles several = cni_files(chain);
  several.others = {"20-calico.conflist"};
  CHECK(judge_cni(several).state == State::warn);
}

TEST_CASE("doctor: what it prints") {
  const std::vector<Finding> findings{{State::ok, "MTU", "fine", ""},
                                      {State::fail, "etcd", "down", "start it"}};
  CHECK(findings_text(findings) == "ok    MTU: fine\nfail  etcd: down — start it\n");
  const auto json = json::parse(findings_json(findings), "doctor");
  CHECK(json["checks"][1]["state"] == "fail");
  CHECK_NOTHROW(findings_json({{State::ok, "x", "\xff\xfe", ""}}));
}

TEST_CASE("doctor: endpoints") {
  const auto text = [](const char* url) {
    const auto endpoint = parse_endpoint(url);
    return endpoint ? endpoint->host + " " + std::to_string(endpoint->port) : "";
  };
  CHECK(text("http://127.0.0.1:2379") == "127.0.0.1 2379");
  CHECK(text("https://etcd.example/v3") == "etcd.example 443");
  CHECK(text("http://[fd00::1]:2379/") == "fd00::1 2379");
  CHECK(text("http://[fd00::1]") == "fd00::1 80");
  for (const char* bad :
       {"", "etcd:2379", "http://", "http://:1", "http://x:0", "http://x:70000", "http://x:1x"})
    CHECK(text(bad).empty());
}

TEST_CASE("cleanup: the names of flannel's devices") {
  for (const char* ours : {"flannel.1", "flannel.4096", "flannel-v6.1"}) CHECK(is_device_name(ours));
  for (const char* other : {"flannel.", "flannel.x", "flannel.1a", "flannel1", "flannel.ipip", "vxlan.1", ""})
    CHECK_FALSE(is_device_name(other));
}
