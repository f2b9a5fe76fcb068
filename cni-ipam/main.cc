#include "cni-ipam/survey/command.h"
#include "cni-ipam/verbs.h"
#include "common/cni/plugin_main.h"

int main(int argc, char** argv) {
  if (const auto status = ipam::run_command(argc, argv)) return *status;
  const cni::Plugin plugin{
      .name = "flannel-ipam",
      .purpose = "Hands out pod addresses from the ranges of a node, and keeps host-local's files.",
      .add = [](const cni::Request& request) -> cni::AddAnswer { return ipam::add(request); },
      .del = [](const cni::Request& request) { ipam::del(request); },
      .check = [](const cni::Request& request) { ipam::check(request); },
      .gc = [](const cni::Request& request) { ipam::gc(request); },
      .status = [](const cni::Request& request) { ipam::status(request); },
      .commands = ipam::kCommandHelp,
  };
  return cni::plugin_main(plugin, argc, argv);
}
