#include "cni-flannel/verbs.h"
#include "common/cni/plugin_main.h"

int main(int argc, char** argv) {
  const cni::Plugin plugin{
      "flannel",
      "Connects a container to the pod network of this node, as flanneld describes it in subnet.env.",
      flannel::add,
      flannel::del,
      flannel::check,
      flannel::gc,
      flannel::status};
  return cni::plugin_main(plugin, argc, argv);
}
