#include "common/flannel/subnet_env.h"

#include "cni-ipam/resolv_conf.h"
#include "common/base/error.h"
#include "tests/fuzz/decoders.h"

void fuzz::subnet_env(std::string_view input) {
  ipam::parse_resolv_conf(input);
  try {
    const auto env = flannel::SubnetEnv::parse(input, "subnet.env");
    promise(env.subnet || env.ipv6_subnet, "there is a subnet");
    promise(flannel::SubnetEnv::parse(env.format(), "subnet.env") == env,
            "parse() is the inverse of format()");
  } catch (const base::ParseError&) {
  }
}
