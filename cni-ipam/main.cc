#include "cni-ipam/verbs.h"
#include "common/cni/plugin_main.h"

namespace {

json::OrderedValue add(const cni::Request& request) {
  const cni::Result result = ipam::add(request);
  try {
    return result.to_json(request.version);
  } catch (...) {
    ipam::del(request);  // nobody will learn of these addresses
    throw;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const cni::Plugin plugin{
      .name = "flannel-ipam",
      .purpose = "Hands out pod addresses from the ranges of a node, and keeps host-local's files.",
      .add = add,
      .del = [](const cni::Request& request) { ipam::del(request); },
      .check = [](const cni::Request& request) { ipam::check(request); },
      .gc = [](const cni::Request& request) { ipam::gc(request); },
      .status = [](const cni::Request& request) { ipam::status(request); },
  };
  return cni::plugin_main(plugin, argc, argv);
}
