#include "cni-flannel/filter/iptables_masquerade.h"

#include <doctest/doctest.h>

TEST_CASE("the iptables chain has the name that the reference gives it") {
  CHECK(flannel::iptables_chain("cbr0", "c4") == "CNI-12cac0db6bae62c0a1d214dc");
}
