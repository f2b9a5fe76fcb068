#include "flanneld/options/config_file.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "common/base/file.h"
#include "flanneld/lease/network_config.h"
#include "tests/unit/flanneld/options/options_support.h"

using namespace flanneld;
using namespace flanneld_test;

TEST_CASE("config file: keys of the network configuration become JSON, others are flags") {
  const Options yaml = parse_file(
      "Network: 10.244.0.0/16\nsubnetLen: 24\nEnableIPv6: true\nSubnetMin: '10.244.1.0'\n"
      "Backend:\n  Type: vxlan\n  VNI: 7\n  PSK: '42'\netcd-prefix: /x\n");
  CHECK(yaml.network_config ==
        R"({"Network":"10.244.0.0/16","subnetLen":24,"EnableIPv6":true,"SubnetMin":"10.244.1.0",)"
        R"("Backend":{"Type":"vxlan","VNI":7,"PSK":"42"}})");
  CHECK(yaml.etcd_prefix == "/x");
  const Options json =
      parse_file(R"({"Network": "10.3.0.0/16", "Backend": {"Type": "host-gw"}, "ip-masq": true})");
  CHECK(json.network_config == R"({"Network":"10.3.0.0/16","Backend":{"Type":"host-gw"}})");
  CHECK(json.ip_masq.any());
  CHECK(parse_file("").network_config.empty());
  CHECK(parse_file("# nothing\n").network_config.empty());
  CHECK(parse_file("etcd-endpoints: [http://a:1, http://b:1]").etcd_endpoints ==
        std::vector<std::string>{"http://a:1", "http://b:1"});
}

TEST_CASE("config file: a mistake names the file, the line and what is wrong") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"nonsense: 1", "f.yaml line 1: 'nonsense' is neither a flag nor a key"},
      {"\nheal: perhaps", "f.yaml line 2: heal: 'perhaps' is not true or false"},
      {"ip-masq: v5", "ip-masq: 'v5' is not true, false, v4 or v6"},
      {"subnetlength: 24", "did you mean 'SubnetLen'?"},
      {"ip-mask: true", "did you mean 'ip-masq'?"},
      {"v: [1]", "cannot hold a list"},
      {"iface: {a: b}", "cannot hold a list"},
      {"iface: [[a]]", "must be words"},
      {"config: x", "for the command line"},
      {"- a", "must hold names and values"},
      {"a: b\n---\nc: d", "more than one document"},
      {"{\"v\": 1},", "more than one document"},
      {"a: [", "f.yaml line"},
      {"Backend: &a [*a]", "f.yaml line"},
      {"Backend: [" + std::string(30'000, ',') + "]", "too large"},
      {"iface-regex: " + std::string(2000, '('), "missing )"},
      {"public-ip: fd00::1", "f.yaml line 1: public-ip: fd00::1 is not an IPv4 address"},
  };
  for (const auto& one : cases) {
    const auto& text = one.first;
    const auto& reason = one.second;
    const std::string error = usage_error([&] { parse_file(text); });
    CHECK_MESSAGE(contains(error, reason), text << " -> " << error);
  }
}

TEST_CASE("config file: the example files are understood") {
  const std::string examples = SOURCE_DIR "/conf-examples/";
  const auto read = [](const std::string& path) { return base::read_file(path, 1 << 20); };
  const auto options = flanneld::parse_options({"--config", examples + "flanneld.yaml"}, {}, read);
  CHECK(options.ip_masq.any());
  const auto from_yaml = flanneld::NetworkConfig::parse(options.network_config);
  CHECK(from_yaml == flanneld::NetworkConfig::parse(read(examples + "net-conf.json").value()));
  CHECK(from_yaml.backend_type == "vxlan");
}
