#include "common/base/spelling.h"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>

namespace {

constexpr std::array<std::string_view, 7> kNames{"v",         "iface",   "ip-masq", "etcd-endpoints",
                                                 "SubnetLen", "Network", "MTU"};

std::string similar(std::string_view word) {
  return std::string(base::find_similar(word, kNames).value_or("none"));
}

}  // namespace

TEST_CASE("spelling: a word with a slip or two, other signs, or more or less of it, finds the name") {
  for (const char* word : {"ip-mask", "ipmasq", "IP_MASQ", "ip-maqs"}) CHECK(similar(word) == "ip-masq");
  for (const char* word : {"ifcae", "iface-", "ifaces", "face"}) CHECK(similar(word) == "iface");
  CHECK(similar("etcd-endpoint") == "etcd-endpoints");
  for (const char* word : {"SubnetLength", "SubnetLenght", "subnet_len"}) CHECK(similar(word) == "SubnetLen");
  CHECK(similar("Nettwork") == "Network");
  CHECK(similar("MUT") == "MTU");
}

TEST_CASE("spelling: what resembles nothing finds none") {
  for (const char* word : {"", "x", "vv", "port", "service-host", "comment", "cniVersion", "mtux2"})
    CHECK_MESSAGE(similar(word) == "none", word);
  CHECK(similar(std::string(100'000, 'a')) == "none");
}
