#include "flanneld/options/flags.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/flanneld/options/options_support.h"

using namespace flanneld;
using namespace flanneld_test;

TEST_CASE("flags: words are read as Go's flag package reads them") {
  const Options options = parse({"-iface", "eth0", "--iface=eth1", "-ip-masq", "status", "--no-such-flag"});
  CHECK(options.iface == std::vector<std::string>{"eth0", "eth1"});
  CHECK(options.ip_masq.any());
  CHECK(options.words == std::vector<std::string>{"status", "--no-such-flag"});
  CHECK(parse({"--", "-v=9"}).verbosity == 0);
  CHECK(parse({"-", "-v=9"}).words == std::vector<std::string>{"-"});
  CHECK(parse({"-v=1", "-v=2"}).verbosity == 2);
  CHECK(parse({"--public-ip="}).public_ip == std::nullopt);
  CHECK_FALSE(parse({"--status-listen="}).status_listen.has_value());
  CHECK(parse({"-v=1", "-h", "--nonsense"}).help);
  CHECK(parse({"--version", "--subnet-lease-renew-margin=0"}).version);
  CHECK_FALSE(parse({}, {{"FLANNELD_VERSION", "true"}}).version);
}

TEST_CASE("flags: a switch may have its value behind it, and takes no other word") {
  CHECK_FALSE(parse({"--ip-masq", "false"}).ip_masq.any());
  const Options options = parse({"--ip-masq", "true", "--iface=eth1"});
  CHECK(options.ip_masq.any());
  CHECK(options.iface == std::vector<std::string>{"eth1"});
  CHECK(options.words.empty());
  for (const char* yes : {"yes", "Yes", "on", "y", "TRUE", "1"}) {
    CHECK(parse({std::string("--ip-masq=") + yes}).ip_masq.any());
    CHECK(parse({}, {{"FLANNELD_IP_MASQ", yes}}).ip_masq.any());
  }
  for (const char* no : {"no", "OFF", "n", "F"}) CHECK_FALSE(parse({}, {{"FLANNELD_HEAL", no}}).heal);
  const Options status = parse({"--ip-masq", "status"});
  CHECK(status.ip_masq.any());
  CHECK(status.words == std::vector<std::string>{"status"});
}

TEST_CASE("flags: a switch for both address families may name one of them") {
  const Families v4{.v4 = true, .v6 = false};
  CHECK(parse({"--ip-masq=v4"}).ip_masq == v4);
  CHECK(parse({"--ip-masq", "v4", "--v=1"}).ip_masq == v4);
  CHECK(parse({"--ip-masq v6"}).ip_masq.v6);
  CHECK(parse({"--ip-masq"}).ip_masq == Families{.v4 = true, .v6 = true});
  CHECK(parse({"--heal", "v4"}).words == std::vector<std::string>{"v4"});
  CHECK(usage_error([] { parse({"--ip-masq=v5"}); }) == "--ip-masq: 'v5' is not true, false, v4 or v6");
  CHECK(parse({"--no-masquerade=10.0.0.0/8,fd00::1/64", "--no-masquerade=192.0.2.0/24"}).no_masquerade ==
        std::vector{net("10.0.0.0/8"), net("fd00::/64"), net("192.0.2.0/24")});
}

TEST_CASE("flags: a flag and its value may be one word, as one item of a list of arguments is") {
  CHECK(parse({"--iface eth1"}).iface == std::vector<std::string>{"eth1"});
  CHECK(parse({"-iface  eth1 "}).iface == std::vector<std::string>{"eth1"});
  CHECK(parse({"--ip-masq true"}).ip_masq.any());
  CHECK_FALSE(parse({"--heal off"}).heal);
  CHECK(parse({"--ip-masq "}).ip_masq.any());
  CHECK(parse({"--iface-regex ^a=b c$"}).iface_regex == std::vector<std::string>{"^a=b c$"});
  CHECK(parse({"--iface=a b"}).iface == std::vector<std::string>{"a b"});
}

TEST_CASE("flags: they may stand behind a command, which keeps what is none") {
  const Options options =
      parse({"status", "-o", "json", "--status-listen=127.0.0.1:7001", "--iface", "eth0"});
  CHECK(options.words == std::vector<std::string>{"status", "-o", "json"});
  CHECK(options.status_listen->port == 7001);
  CHECK(options.iface == std::vector<std::string>{"eth0"});
  CHECK(parse({"cleanup", "--", "-v=9"}).words == std::vector<std::string>{"cleanup", "-v=9"});
  CHECK(parse({"doctor", "--help"}).help);
}

TEST_CASE("flags: a mistake on the command line names the flag and what it must be") {
  const std::vector<std::pair<std::string, std::string>> cases{
      {"--nonsense", "unknown flag --nonsense"},
      {"--ifcae=eth0", "unknown flag --ifcae; did you mean --iface?"},
      {"--etcd-endpoint http://a", "unknown flag --etcd-endpoint; did you mean --etcd-endpoints?"},
      {"--iface-cidr=eth0", "--iface-cidr: 'eth0' is not a network such as 192.168.0.0/16"},
      {"---v=1", "bad flag syntax"},
      {"--=1", "bad flag syntax"},
      {"--heal=perhaps", "--heal: 'perhaps' is not true or false"},
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
      {"--kube-subnet-mgr", "--kube-subnet-mgr: the environment must have NODE_NAME"},
      {"--kube-api-url=ftp://a", "not a URL"},
      {"--net-config-path=", "a path is needed"},
      {"--kube-annotation-prefix=x.io/n/", "--kube-annotation-prefix: 'x.io/n/' is not a domain"},
      {"--kube-annotation-prefix=", "is not a domain"},
      {"--kube-annotation-prefix=X.io", "is not a domain"},
      {"--kube-annotation-prefix=x..io", "is not a domain"},
      {"--kube-annotation-prefix=x.io/N", "is not a domain"},
      {"--config=absent", "there is no file 'absent'"},
  };
  for (const auto& one : cases) {
    const auto& argument = one.first;
    const auto& reason = one.second;
    const std::string error = usage_error([&] { parse({argument}); });
    CHECK_MESSAGE(contains(error, reason), argument << " -> " << error);
  }
}

TEST_CASE("flags: the help text lists every flag") {
  const std::string text = flanneld::usage();
  for (const Flag& flag : flanneld::all_flags())
    CHECK_MESSAGE(contains(text, std::string("  --") + flag.name), flag.name);
  CHECK(flanneld::find_flag("log_backtrace_at")->environment_name() == "FLANNELD_LOG_BACKTRACE_AT");
}
