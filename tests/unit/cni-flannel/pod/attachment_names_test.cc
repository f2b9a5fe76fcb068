#include "cni-flannel/pod/attachment_names.h"

#include <doctest/doctest.h>

#include <string>

TEST_CASE("the host's veth has a stable name of its own for each attachment and attempt") {
  CHECK(flannel::host_veth_name({"c1", "eth0"}, 0) == flannel::host_veth_name({"c1", "eth0"}, 0));
  CHECK(flannel::host_veth_name({"c1", "eth0"}, 0) != flannel::host_veth_name({"c1", "eth0"}, 1));
  CHECK(flannel::host_veth_name({"c1", "eth0"}, 0) != flannel::host_veth_name({"c1", "eth1"}, 0));
  CHECK(flannel::host_veth_name({"c1", "eth0"}, 0).size() == 12);
}

TEST_CASE("the gateway's port has a stable name of the same form") {
  const std::string name = flannel::gateway_port_name("cbr0", "cbr0.100");
  CHECK(name == flannel::host_veth_name({"cbr0", "cbr0.100"}, 0));  // as earlier versions named it
  CHECK(name != flannel::gateway_port_name("cbr0", "cbr0.101"));
}

TEST_CASE("the alias names network, container and interface") {
  CHECK(flannel::link_alias("net", {"id", "eth0"}) == "net/id/eth0");
}

TEST_CASE("the container of an alias is found, and none in that of another program") {
  CHECK(flannel::container_of("net/id/eth0") == "id");
  for (const char* other : {"", "uplink", "a/b"}) CHECK(flannel::container_of(other).empty());
}

TEST_CASE("the host's end of an attachment is known by its name and alias together, and by its network") {
  const std::string name =
      flannel::host_veth_name({"id", "eth0"}, 1);  // another attachment had the first name
  CHECK(flannel::is_host_veth(name, "net/id/eth0", "net"));
  CHECK_FALSE(flannel::is_host_veth(name, "net/id/eth0", "other"));
  CHECK_FALSE(flannel::is_host_veth(name, "net/id/eth1", "net"));
  CHECK_FALSE(flannel::is_host_veth("veth0", "net/id/eth0", "net"));
  CHECK_FALSE(flannel::is_host_veth(name, "", "net"));
}

TEST_CASE("tags tell attachments and networks apart") {
  using flannel::attachment_tag;
  CHECK(attachment_tag("net", {"id", "eth0"}).starts_with(flannel::tag_start_of("net")));
  CHECK_FALSE(attachment_tag("net", {"id", "eth0"}).starts_with(flannel::tag_start_of("net2")));
  CHECK(attachment_tag("net", {"id", "eth0"}) != attachment_tag("net", {"id", "eth1"}));
  CHECK(attachment_tag("net", {"id", "eth0"}) != attachment_tag("net", {"id2", "eth0"}));
  CHECK(attachment_tag("net", {"id", "eth0"}) != attachment_tag("net2", {"id", "eth0"}));
}

TEST_CASE("an alias is cut to the kernel's limit") {
  CHECK(flannel::link_alias(std::string(200, 'n'), {std::string(200, 'i'), "eth0"}).size() == 255);
}
