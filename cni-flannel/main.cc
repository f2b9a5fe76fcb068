#include "cni-flannel/verbs.h"
#include "common/cni/plugin_main.h"

int main(int argc, char** argv) {
  const cni::Plugin plugin{
      .name = "flannel",
      .purpose =
          "Connects a container to the pod network of this node, as flanneld describes it in subnet.env.",
      .add = flannel::add,
      .del = flannel::del,
      .check = flannel::check,
      .gc = flannel::gc,
      .status = flannel::status,
  };
  return cni::plugin_main(plugin, argc, argv);
}
