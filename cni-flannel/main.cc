// One program, several plugins: what it is called by tells which it is.
#include <cstdio>
#include <string_view>

#include "cni-flannel/bandwidth/verbs.h"
#include "cni-flannel/firewall/verbs.h"
#include "cni-flannel/hostport/verbs.h"
#include "cni-flannel/loopback/verbs.h"
#include "cni-flannel/standalone.h"
#include "cni-flannel/tuning/verbs.h"
#include "cni-flannel/verbs.h"
#include "common/cni/plugin_main.h"
#include "common/flannel/call_counters.h"

namespace {

void nothing(const cni::Request& /*request*/) {}

void count(cni::Verb verb, std::chrono::microseconds took, unsigned code) {
  if (verb == cni::Verb::add) flannel::count_call(flannel::CountedCall::add, took, code);
  if (verb == cni::Verb::del) flannel::count_call(flannel::CountedCall::del, took, code);
}

const cni::Plugin kPlugins[] = {
    {.name = "flannel",
     .purpose =
         "Connects a container to the pod network of this node, as flanneld describes it in subnet.env.",
     .add = flannel::add,
     .del = flannel::del,
     .check = flannel::check,
     .gc = flannel::gc,
     .status = flannel::status,
     .served = count},
    {.name = "portmap",
     .purpose = "Leads ports of the node to a container; stands behind the plugin that connects it.",
     .add = flannel::hostport::add,
     .del = flannel::hostport::del,
     .check = flannel::hostport::check,
     .gc = flannel::hostport::gc,
     .status = flannel::hostport::status},
    {.name = "bandwidth",
     .purpose = "Limits how fast a container sends and receives; stands behind the plugin that connects it.",
     .add = flannel::bandwidth::add,
     .del = flannel::bandwidth::del,
     .check = flannel::bandwidth::check,
     .gc = flannel::bandwidth::gc,
     .status = flannel::bandwidth::status},
    {.name = "loopback",
     .purpose = "Sets a container's loopback interface up.",
     .add = flannel::loopback::add,
     .del = flannel::loopback::del,
     .check = flannel::loopback::check,
     .gc = nothing,
     .status = nothing},
    {.name = "tuning",
     .purpose = "Changes settings of a container's interface and namespace; stands behind the plugin that "
                "connects it.",
     .add = flannel::tuning::add,
     .del = flannel::tuning::del,
     .check = flannel::tuning::check,
     .gc = flannel::tuning::gc,
     .status = flannel::tuning::status},
    {.name = "firewall",
     .purpose =
         "Lets a container's packets pass the node's firewall; stands behind the plugin that connects it.",
     .add = flannel::firewall::add,
     .del = flannel::firewall::del,
     .check = flannel::firewall::check,
     .gc = flannel::firewall::gc,
     .status = flannel::firewall::status,
     .stands_for = "v1.9.1"},  // nerdctl looks for 1.1.0 and 1.7.1 before it isolates bridges
    flannel::standalone::plugin<flannel::kBridgeDelegate>("Connects a container to a bridge of this node."),
    flannel::standalone::plugin<flannel::kPtpDelegate>(
        "Connects a container to this node by a link of its own, to which the node routes."),
};

/// By any other name it is the first.
const cni::Plugin& find_plugin(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  for (const cni::Plugin& plugin : kPlugins)
    if (plugin.name == name) return plugin;
  return kPlugins[0];
}

}  // namespace

int main(int argc, char** argv) { return cni::plugin_main(find_plugin(argc > 0 ? argv[0] : ""), argc, argv); }
