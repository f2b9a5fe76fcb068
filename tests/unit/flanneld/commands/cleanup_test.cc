#include "flanneld/commands/cleanup.h"

#include <doctest/doctest.h>

using namespace flanneld;

TEST_CASE("cleanup: only names that flannel gives to its devices count as its own") {
  for (const char* ours : {"flannel.1", "flannel.4096", "flannel-v6.1"}) CHECK(is_device_name(ours));
  for (const char* other : {"flannel.", "flannel.x", "flannel.1a", "flannel1", "flannel.ipip", "vxlan.1", ""})
    CHECK_FALSE(is_device_name(other));
}
