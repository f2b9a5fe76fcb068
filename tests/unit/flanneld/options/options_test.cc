#include "flanneld/options/options.h"
#include "flanneld/lease/network_config.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "common/base/error.h"
#include "common/base/file.h"

using flanneld::Environment;
using flanneld::Options;
using flanneld::UsageError;

namespace {

std::optional<std::string> no_file(const std::string&) { return std::nullopt; }

Options parse(const std::vector<std::string>& arguments, const Environment& environment = {}) {
  return flanneld::parse_options(arguments, environment, no_file);
}

Options parse_file(const std::string& text, const std::vector<std::string>& more = {},
                   const Environment& environment = {}) {
  std::vector<std::string> arguments{"--config=f.yaml"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return flanneld::parse_options(arguments, environment, [&](const std::string& path) {
    return path == "f.yaml" ? std::optional(text) : std::nullopt;
  });
}

template <class Action>
std::string error_of(Action&& action) {
  try {
    action();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

std::string ip(const std::optional<base::IpAddress>& address) { return address ? address->str() : "none"; }

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

/// Every flag's effect as one word, for the tables below.
std::string effect(const Options& options, const std::string& name) {
  const auto yes = [](bool value) { return std::string(value ? "true" : "false"); };
  const auto listen = [](const auto& value) { return value ? value->str() : std::string("off"); };
  const auto joined = [](const std::vector<std::string>& items) {
    std::string text;
    for (const std::string& item : items) text.append(text.empty() ? "" : ",").append(item);
    return text;
  };
  if (name == "lease-dir") return options.lease_dir;
  if (name == "etcd-endpoints") return joined(options.etcd_endpoints);
  if (name == "etcd-prefix") return options.etcd_prefix;
  if (name == "etcd-cafile") return options.etcd_cafile;
  if (name == "iface") return joined(options.iface);
  if (name == "iface-regex") return joined(options.iface_regex);
  if (name == "iface-can-reach") return ip(options.iface_can_reach);
  if (name == "public-ip") return ip(options.public_ip);
  if (name == "public-ipv6") return ip(options.public_ipv6);
  if (name == "subnet-file") return options.subnet_file;
  if (name == "subnet-lease-renew-margin") return std::to_string(options.subnet_lease_renew_margin.count());
  if (name == "ip-masq") return yes(options.ip_masq);
  if (name == "ip-masq-fully-random-disable") return yes(options.ip_masq_fully_random_disable);
  if (name == "iptables-forward-rules") return yes(options.iptables_forward_rules);
  if (name == "iptables-resync") return std::to_string(options.iptables_resync.count());
  if (name == "ip-blackhole-route") return yes(options.ip_blackhole_route);
  if (name == "heal") return yes(options.heal);
  if (name == "healthz-port") return listen(options.healthz);
  if (name == "status-listen") return listen(options.status_listen);
  if (name == "v") return std::to_string(options.verbosity);
  return "?";
}

struct Case {
  const char *name, *unset, *given, *result;
};
const Case kCases[] = {
    {"lease-dir", "", "/var/lib/leases", "/var/lib/leases"},
    {"etcd-endpoints", "http://127.0.0.1:4001,http://127.0.0.1:2379", " https://a:2379/, b:2379,",
     "https://a:2379,http://b:2379"},
    {"etcd-prefix", "/coreos.com/network", "/net", "/net"},
    {"etcd-cafile", "", "ca.pem", "ca.pem"},
    {"iface", "", "eth1", "eth1"},
    {"iface-regex", "", "^10\\.", "^10\\."},
    {"iface-can-reach", "none", "192.0.2.1", "192.0.2.1"},
    {"public-ip", "none", "203.0.113.9", "203.0.113.9"},
    {"public-ipv6", "none", "2001:DB8::1", "2001:db8::1"},
    {"subnet-file", "/run/flannel/subnet.env", "/tmp/s.env", "/tmp/s.env"},
    {"subnet-lease-renew-margin", "60", "1439", "1439"},
    {"ip-masq", "false", "true", "true"},
    {"ip-masq-fully-random-disable", "false", "T", "true"},
    {"iptables-forward-rules", "true", "0", "false"},
    {"iptables-resync", "5", "0x10", "16"},
    {"ip-blackhole-route", "false", "1", "true"},
    {"heal", "true", "false", "false"},
    {"healthz-port", "off", "8081", "0.0.0.0:8081"},
    {"status-listen", "127.0.0.1:7000", "[::1]:7001", "[::1]:7001"},
    {"v", "0", "4", "4"},
};

std::string environment_name(std::string name) {
  for (char& one : name) one = one == '-' ? '_' : static_cast<char>(std::toupper(one));
  return "FLANNELD_" + name;
}

std::string upper(std::string text) {
  for (char& one : text) one = static_cast<char>(std::toupper(one));
  return text;
}

}  // namespace

TEST_CASE("options: each flag, from each source, in each syntax") {
  for (const Case& one : kCases) {
    CAPTURE(one.name);
    const std::string name = one.name;
    const std::string given = one.given;
    CHECK(effect(parse({}), name) == one.unset);
    const std::string assignment = std::string(name).append("=").append(given);
    CHECK(effect(parse({"--" + assignment}), name) == one.result);
    CHECK(effect(parse({"-" + assignment}), name) == one.result);
    if (flanneld::find_flag(name)->meaning.kind != flanneld::FlagKind::boolean) {
      CHECK(effect(parse({"--" + name, given}), name) == one.result);
      CHECK(error_of([&] { parse({"--" + name}); }) == "flag --" + name + " needs a value");
    }
    CHECK(effect(parse({}, {{environment_name(name), given}}), name) == one.result);
    CHECK(effect(parse({}, {{environment_name(name), ""}}), name) == one.unset);
    CHECK(effect(parse_file(upper(name) + ": '" + given + "'"), name) == one.result);
  }
}

TEST_CASE("options: command line before environment before file") {
  const Environment environment{{"FLANNELD_ETCD_PREFIX", "/env"}, {"FLANNELD_IFACE", "env0"}};
  const std::string file = "etcd-prefix: /file\niface: [file0, file1]\nip-masq: true\n";
  const Options all = parse_file(file, {"--etcd-prefix=/line"}, environment);
  CHECK(all.etcd_prefix == "/line");
  CHECK(all.iface == std::vector<std::string>{"env0"});
  CHECK(all.ip_masq);
  CHECK_FALSE(parse_file(file, {"--ip-masq=false"}).ip_masq);
  CHECK(parse_file(file, {}, environment).etcd_prefix == "/env");
  CHECK(parse_file(file).etcd_prefix == "/file");
  CHECK(parse_file(file).iface == std::vector<std::string>{"file0", "file1"});
  const auto by_environment = flanneld::parse_options(
      {}, {{"FLANNELD_CONFIG", "other"}},
      [](const auto& path) { return std::optional<std::string>("etcd-prefix: /" + path); });
  CHECK(by_environment.etcd_prefix == "/other");
}

TEST_CASE("options: Go's rules for words") {
  const Options options = parse({"-iface", "eth0", "--iface=eth1", "-ip-masq", "status", "--no-such-flag"});
  CHECK(options.iface == std::vector<std::string>{"eth0", "eth1"});
  CHECK(options.ip_masq);
  CHECK(options.words == std::vector<std::string>{"status", "--no-such-flag"});
  CHECK(parse({"--", "-v=9"}).verbosity == 0);
  CHECK(parse({"-", "-v=9"}).words == std::vector<std::string>{"-", "-v=9"});
  CHECK(parse({"-ip-masq", "false"}).ip_masq);  // a switch takes no word
  CHECK(parse({"-v=1", "-v=2"}).verbosity == 2);
  CHECK(parse({"--public-ip="}).public_ip == std::nullopt);
  CHECK_FALSE(parse({"--status-listen="}).status_listen.has_value());
  CHECK(parse({"-v=1", "-h", "--nonsense"}).help);
  CHECK(parse({"--version", "--subnet-lease-renew-margin=0"}).version);
  CHECK_FALSE(parse({}, {{"FLANNELD_VERSION", "true"}}).version);
}

TEST_CASE("options: each bad form on the command line") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"--nonsense", "unknown flag --nonsense"},
      {"---v=1", "bad flag syntax"},
      {"--=1", "bad flag syntax"},
      {"--ip-masq=yes", "--ip-masq: 'yes' is not true or false"},
      {"--v=one", "--v: 'one' is not a number"},
      {"--v=", "--v: '' is not a number"},
      {"--v=--1", "not a number"},
      {"--v=-1", "not between"},
      {"--iptables-resync=0", "not between"},
      {"--subnet-lease-renew-margin=0", "--subnet-lease-renew-margin: 0 is not between 1 and 1439"},
      {"--subnet-lease-renew-margin=1440", "not between"},
      {"--healthz-port=65536", "not between"},
      {"--healthz-port=99999999999999999999", "not a number"},
      {"--public-ip=10.0.0", "--public-ip: '10.0.0' is not an IP address"},
      {"--public-ip=fd00::1", "fd00::1 is not an IPv4 address"},
      {"--public-ipv6=10.0.0.1", "10.0.0.1 is not an IPv6 address"},
      {"--iface-can-reach=host", "not an IP address"},
      {"--iface-regex=(", "not a regular expression"},
      {"--healthz-ip=localhost", "not an IP address"},
      {"--status-listen=7000", "not an address and port"},
      {"--status-listen=:7000", "not an address and port"},
      {"--status-listen=::1:7000", "not an address and port"},
      {"--status-listen=[127.0.0.1]:7000", "not an address and port"},
      {"--status-listen=127.0.0.1:0", "not between"},
      {"--status-listen=127.0.0.1:x", "not a number"},
      {"--etcd-endpoints=,", "no server is given"},
      {"--etcd-endpoints=ftp://a", "not a URL"},
      {"--etcd-endpoints=http://", "not a URL"},
      {"--subnet-file=", "a path is needed"},
      {"--kube-subnet-mgr", "--kube-subnet-mgr: not supported yet"},
      {"--config=absent", "there is no file 'absent'"},
  };
  for (const auto& one : cases) {
    const auto& argument = one.first;
    const auto& reason = one.second;
    const std::string error = error_of([&] { parse({argument}); });
    CHECK_MESSAGE(has(error, reason), argument << " -> " << error);
  }
}

TEST_CASE("options: a bad form in the environment is a warning, a bad value an error") {
  const Options options =
      parse({}, {{"FLANNELD_IP_MASQ", "yes"}, {"FLANNELD_V", "x"}, {"FLANNELD_OTHER", "1"}});
  CHECK_FALSE(options.ip_masq);
  REQUIRE(options.warnings.size() == 2);
  CHECK(options.warnings[0] == "FLANNELD_IP_MASQ: 'yes' is not true or false, ignoring");
  CHECK(error_of([] {
          parse({}, {{"FLANNELD_PUBLIC_IP", "x"}});
        }) == "FLANNELD_PUBLIC_IP: 'x' is not an IP address");
  CHECK(has(error_of([] { parse({}, {{"FLANNELD_KUBE_SUBNET_MGR", "1"}}); }), "not supported yet"));
}

TEST_CASE("options: the file's network configuration becomes JSON") {
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
  CHECK(json.ip_masq);
  CHECK(parse_file("").network_config.empty());
  CHECK(parse_file("# nothing\n").network_config.empty());
  CHECK(parse_file("etcd-endpoints: [http://a:1, http://b:1]").etcd_endpoints ==
        std::vector<std::string>{"http://a:1", "http://b:1"});
}

TEST_CASE("options: each bad file") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"nonsense: 1", "f.yaml line 1: 'nonsense' is neither a flag nor a key"},
      {"\nip-masq: yes", "f.yaml line 2: ip-masq: 'yes' is not true or false"},
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
    const std::string error = error_of([&] { parse_file(text); });
    CHECK_MESSAGE(has(error, reason), text << " -> " << error);
  }
}

TEST_CASE("options: secrets stay out of what is logged") {
  const Options options = parse({"--etcd-username=u", "--etcd-endpoints=https://me:pass1@a:1,http://b:1"},
                                {{"FLANNELD_ETCD_PASSWORD", "pass2"}});
  CHECK(options.etcd_password == "pass2");
  CHECK(options.describe() ==
        "etcd-endpoints='https://***@a:1,http://b:1' (--etcd-endpoints), "
        "etcd-password=*** (FLANNELD_ETCD_PASSWORD), etcd-username='u' (--etcd-username)");
  CHECK_FALSE(has(error_of([] { parse({"--etcd-endpoints=ftp://me:pass1@a"}); }), "pass1"));
  for (const char* text :
       {"https://me:pa,ss1@a:1,http://b:1", "me:pa://ss1@a", "a:1,https://me:p@ss1@b", "https://me:ss1,x"}) {
    const std::string flag = std::string("--etcd-endpoints=") + text;
    CHECK_MESSAGE(has(error_of([&] { parse({flag}); }), "ss1") == false, text);
  }
  CHECK_FALSE(has(parse({"--etcd-endpoints=me:pass1@b:1,a:1"}).describe(), "pass1"));
  CHECK(has(error_of([] { parse({"--etcd-endpoints=https://me:pass1,2@b"}); }), "%2C"));
  CHECK(parse({}).describe() == "all options have their defaults");
}

TEST_CASE("options: halves of a pair are dropped with a warning") {
  const Options options =
      parse({"--etcd-keyfile=k", "--etcd-username=u", "--lease-dir=/l", "--etcd-endpoints=a:1"});
  CHECK(options.etcd_keyfile.empty());
  CHECK(options.etcd_username.empty());
  CHECK(options.warnings.size() == 3);
  CHECK(parse({"--etcd-keyfile=k", "--etcd-certfile=c", "--etcd-endpoints=a:1"}).etcd_endpoints ==
        std::vector<std::string>{"https://a:1"});
}

TEST_CASE("options: the help text lists every flag") {
  const std::string text = flanneld::usage();
  for (const flanneld::Flag& flag : flanneld::all_flags())
    CHECK_MESSAGE(has(text, std::string("  --") + flag.name), flag.name);
  CHECK(flanneld::find_flag("log_backtrace_at")->environment_name() == "FLANNELD_LOG_BACKTRACE_AT");
}

TEST_CASE("options: the example files are understood") {
  const std::string examples = SOURCE_DIR "/conf-examples/";
  const auto read = [](const std::string& path) { return base::read_file(path, 1 << 20); };
  const auto options = flanneld::parse_options({"--config", examples + "flanneld.yaml"}, {}, read);
  CHECK(options.ip_masq);
  const auto from_yaml = flanneld::NetworkConfig::parse(options.network_config);
  CHECK(from_yaml == flanneld::NetworkConfig::parse(read(examples + "net-conf.json").value()));
  CHECK(from_yaml.backend_type == "vxlan");
}
