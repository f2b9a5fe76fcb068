#include "flanneld/options/options.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "flanneld/options/flags.h"
#include "tests/unit/flanneld/options/options_support.h"

using namespace flanneld;
using namespace flanneld_test;

namespace {

std::string show(const std::optional<base::IpAddress>& address) { return address ? address->str() : "none"; }

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
  if (name == "iface-can-reach") return show(options.iface_can_reach);
  if (name == "public-ip") return show(options.public_ip);
  if (name == "public-ipv6") return show(options.public_ipv6);
  if (name == "subnet-file") return options.subnet_file;
  if (name == "subnet-lease-renew-margin") return std::to_string(options.subnet_lease_renew_margin.count());
  if (name == "ip-masq")
    return options.ip_masq.v4 == options.ip_masq.v6 ? yes(options.ip_masq.v4)
           : options.ip_masq.v4                     ? "v4"
                                                    : "v6";
  if (name == "ip-masq-fully-random-disable") return yes(options.ip_masq_fully_random_disable);
  if (name == "iptables-forward-rules") return yes(options.iptables_forward_rules);
  if (name == "iptables-resync") return std::to_string(options.iptables_resync.count());
  if (name == "ip-blackhole-route") return yes(options.ip_blackhole_route);
  if (name == "heal") return yes(options.heal);
  if (name == "healthz-port") return listen(options.healthz);
  if (name == "probe-interval") return std::to_string(options.probe_interval.count());
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
    {"ip-masq", "false", "V6", "v6"},
    {"ip-masq-fully-random-disable", "false", "T", "true"},
    {"iptables-forward-rules", "true", "0", "false"},
    {"iptables-resync", "5", "0x10", "16"},
    {"ip-blackhole-route", "false", "1", "true"},
    {"heal", "true", "false", "false"},
    {"healthz-port", "off", "8081", "0.0.0.0:8081"},
    {"probe-interval", "30", "0", "0"},
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

TEST_CASE("options: each flag has its effect from each source and in each syntax") {
  for (const Case& one : kCases) {
    CAPTURE(one.name);
    const std::string name = one.name;
    const std::string given = one.given;
    CHECK(effect(parse({}), name) == one.unset);
    const std::string assignment = std::string(name).append("=").append(given);
    CHECK(effect(parse({"--" + assignment}), name) == one.result);
    CHECK(effect(parse({"-" + assignment}), name) == one.result);
    if (flanneld::find_flag(name)->meaning.kind != FlagKind::boolean && name != "ip-masq") {
      CHECK(effect(parse({"--" + name, given}), name) == one.result);
      CHECK(usage_error([&] { parse({"--" + name}); }) == "flag --" + name + " needs a value");
    }
    CHECK(effect(parse({}, {{environment_name(name), given}}), name) == one.result);
    CHECK(effect(parse({}, {{environment_name(name), ""}}), name) == one.unset);
    CHECK(effect(parse_file(upper(name) + ": '" + given + "'"), name) == one.result);
  }
}

TEST_CASE("options: the command line goes before the environment, that before the file") {
  const Environment environment{{"FLANNELD_ETCD_PREFIX", "/env"}, {"FLANNELD_IFACE", "env0"}};
  const std::string file = "etcd-prefix: /file\niface: [file0, file1]\nip-masq: true\n";
  const Options all = parse_file(file, {"--etcd-prefix=/line"}, environment);
  CHECK(all.etcd_prefix == "/line");
  CHECK(all.iface == std::vector<std::string>{"env0"});
  CHECK(all.ip_masq.v4);
  CHECK_FALSE(parse_file(file, {"--ip-masq=false"}).ip_masq.any());
  CHECK(parse_file(file, {}, environment).etcd_prefix == "/env");
  CHECK(parse_file(file).etcd_prefix == "/file");
  CHECK(parse_file(file).iface == std::vector<std::string>{"file0", "file1"});
  const auto by_environment = flanneld::parse_options(
      {}, {{"FLANNELD_CONFIG", "other"}},
      [](const auto& path) { return std::optional<std::string>("etcd-prefix: /" + path); });
  CHECK(by_environment.etcd_prefix == "/other");
}

TEST_CASE("options: a text of the wrong form in the environment is a warning, a wrong value an error") {
  const Options options =
      parse({}, {{"FLANNELD_IP_MASQ", "perhaps"}, {"FLANNELD_V", "x"}, {"FLANNEL_IPMASQ", "true"}});
  CHECK_FALSE(options.ip_masq.any());
  REQUIRE(options.warnings.size() == 2);
  CHECK(options.warnings[0] == "FLANNELD_IP_MASQ: 'perhaps' is not true, false, v4 or v6, ignoring");
  CHECK(usage_error([] {
          parse({}, {{"FLANNELD_PUBLIC_IP", "x"}});
        }) == "FLANNELD_PUBLIC_IP: 'x' is not an IP address");
}

TEST_CASE("options: Kubernetes mode has its node, service and proxies from the environment") {
  const Options options =
      parse({"--kube-subnet-mgr", "--lease-dir=/leases"}, {{"POD_NAME", "p"},
                                                           {"POD_NAMESPACE", "n"},
                                                           {"KUBERNETES_SERVICE_HOST", "10.96.0.1"},
                                                           {"KUBERNETES_SERVICE_PORT", "443"},
                                                           {"HTTPS_PROXY", "http://upper"},
                                                           {"https_proxy", "http://lower"},
                                                           {"no_proxy", "a,b"},
                                                           {"EVENT_QUEUE_DEPTH", "5000"},
                                                           {"CONT_WHEN_CACHE_NOT_READY", "false"}});
  CHECK(options.kube_environment.pod_name == "p");
  CHECK(options.kube_environment.pod_namespace == "n");
  CHECK(options.kube_environment.service_host == "10.96.0.1");
  CHECK(options.kube_environment.service_port == "443");
  CHECK(options.kube_environment.https_proxy == "http://upper");
  CHECK(options.kube_environment.no_proxy == "a,b");
  CHECK(options.lease_dir.empty());
  CHECK(options.warnings == std::vector<std::string>{"--kube-subnet-mgr is given, ignoring --lease-dir"});
  CHECK(contains(usage_error([] { parse({"--kube-subnet-mgr"}, {{"POD_NAME", "p"}}); }), "NODE_NAME"));
  CHECK(parse({"--kube-subnet-mgr", "status"}).kube_subnet_mgr);  // a command asks the agent
}

TEST_CASE("options: the prefix of annotations gets the slash or dash that it lacks") {
  const auto prefix = [](const std::string& text) {
    return parse({"--kube-annotation-prefix", text}).kube_annotation_prefix;
  };
  CHECK(parse({}).kube_annotation_prefix == "flannel.alpha.coreos.com/");
  CHECK(prefix("flannel.alpha.coreos.com") == "flannel.alpha.coreos.com/");
  CHECK(prefix("x.io/") == "x.io/");
  CHECK(prefix("x.io/n1") == "x.io/n1-");
  CHECK(prefix("x.io/n1-") == "x.io/n1-");
}

TEST_CASE(
    "options: a variable that nearly is a flag's is refused with the right name, another one is a warning") {
  for (const char* name : {"FLANNELD_IP_MASK", "FLANNELD_IPMASQ", "FLANNELD_ip_masq", "flanneld_ip_masq"})
    CHECK(usage_error([&] {
            parse({}, {{name, "true"}});
          }) == fmt::format("{} belongs to no flag; did you mean FLANNELD_IP_MASQ?", name));
  CHECK(contains(usage_error([] {
                   parse({}, {{"FLANNELD_ETCD_ENDPOINT", "http://a"}});
                 }),
                 "FLANNELD_ETCD_ENDPOINTS"));
  const Options options =
      parse({}, {{"FLANNELD_SERVICE_HOST", "10.0.0.1"}, {"FLANNELD_PORT", "tcp://10.0.0.1:80"}});
  CHECK(options.warnings == std::vector<std::string>{"FLANNELD_PORT belongs to no flag, ignoring",
                                                     "FLANNELD_SERVICE_HOST belongs to no flag, ignoring"});
}

TEST_CASE("options: no secret is in what is logged") {
  const Options options = parse({"--etcd-username=u", "--etcd-endpoints=https://me:pass1@a:1,http://b:1"},
                                {{"FLANNELD_ETCD_PASSWORD", "pass2"}});
  CHECK(options.etcd_password == "pass2");
  CHECK(options.describe() ==
        "etcd-endpoints='https://***@a:1,http://b:1' (--etcd-endpoints), "
        "etcd-password=*** (FLANNELD_ETCD_PASSWORD), etcd-username='u' (--etcd-username)");
  CHECK_FALSE(contains(usage_error([] { parse({"--etcd-endpoints=ftp://me:pass1@a"}); }), "pass1"));
  for (const char* text :
       {"https://me:pa,ss1@a:1,http://b:1", "me:pa://ss1@a", "a:1,https://me:p@ss1@b", "https://me:ss1,x"}) {
    const std::string flag = std::string("--etcd-endpoints=") + text;
    CHECK_MESSAGE(contains(usage_error([&] { parse({flag}); }), "ss1") == false, text);
  }
  CHECK_FALSE(contains(parse({"--etcd-endpoints=me:pass1@b:1,a:1"}).describe(), "pass1"));
  CHECK(contains(usage_error([] { parse({"--etcd-endpoints=https://me:pass1,2@b"}); }), "%2C"));
  CHECK(parse({}).describe() == "all options have their defaults");
}

TEST_CASE("options: half of a pair is ignored with a warning") {
  const Options options =
      parse({"--etcd-keyfile=k", "--etcd-username=u", "--lease-dir=/l", "--etcd-endpoints=a:1"});
  CHECK(options.etcd_keyfile.empty());
  CHECK(options.etcd_username.empty());
  CHECK(options.warnings.size() == 3);
  CHECK(parse({"--etcd-keyfile=k", "--etcd-certfile=c", "--etcd-endpoints=a:1"}).etcd_endpoints ==
        std::vector<std::string>{"https://a:1"});
}

TEST_CASE("options: flags shown to others hold no secret, and complete what the operator gave") {
  const Options agent =
      parse({"--etcd-endpoints=http://u:secret@192.0.2.1:2379,192.0.2.2:2379", "--etcd-username=flannel",
             "--etcd-password=secret", "--iface=eth1", "--iface=eth2", "--subnet-file=/run/blue.env"});
  const auto shown = agent.public_flags();
  CHECK(shown.at("etcd-endpoints") ==
        std::vector<std::string>{"http://192.0.2.1:2379,http://192.0.2.2:2379"});
  CHECK_FALSE(shown.contains("etcd-password"));
  FlagValues flags;
  for (const auto& [name, texts] : shown) flags.emplace(name, FlagValue{texts, "the agent's"});
  const Options all = complete_options(parse({"--iface=eth0", "doctor"}), flags);
  CHECK(all.iface == std::vector<std::string>{"eth0"});
  CHECK(all.subnet_file == "/run/blue.env");
  CHECK(all.etcd_endpoints == std::vector<std::string>{"http://192.0.2.1:2379", "http://192.0.2.2:2379"});
  CHECK(all.words == std::vector<std::string>{"doctor"});
  CHECK_FALSE(usage_error([&] {
                complete_options(parse({}), {{"healthz-port", FlagValue{{"x"}, "the agent's"}}});
              }).empty());
}
