#include "flanneld/udp/peer_table.h"

#include <doctest/doctest.h>

#include <optional>

#include "flanneld/udp/unreachable.h"
#include "tests/unit/flanneld/udp/packets.h"

using flanneld::PeerTable;
using Verdict = flanneld::PeerTable::Verdict;

namespace {

uint32_t number(const char* address) {
  return static_cast<uint32_t>(base::IpAddress::parse(address)->number().low);
}
flanneld::UdpPeer peer(const char* subnet, const char* address) {
  return {*base::IpNet::parse(subnet), *base::IpAddress::parse(address)};
}

PeerTable make_table() {
  return {
      {peer("10.5.9.0/24", "192.0.2.9"), peer("10.5.2.0/24", "192.0.2.2"), peer("10.5.4.0/23", "192.0.2.2")},
      *base::IpNet::parse("10.5.0.0/16"),
      {*base::IpNet::parse("198.51.100.0/24"), *base::IpNet::parse("fd00::/8")}};
}

}  // namespace

TEST_CASE("udp: a packet goes to the node whose subnet holds its destination") {
  const PeerTable table = make_table();
  CHECK(table.find_node(number("10.5.2.0")) == number("192.0.2.2"));
  CHECK(table.find_node(number("10.5.2.255")) == number("192.0.2.2"));
  CHECK(table.find_node(number("10.5.5.1")) == number("192.0.2.2"));
  CHECK(table.find_node(number("10.5.9.7")) == number("192.0.2.9"));
  for (const char* none : {"10.5.1.255", "10.5.3.0", "10.5.6.0", "10.5.10.0", "0.0.0.0", "255.255.255.255"})
    CHECK(table.find_node(number(none)) == std::nullopt);
  CHECK(PeerTable().find_node(number("10.5.2.1")) == std::nullopt);
}

TEST_CASE(
    "udp: a pod's address is taken from its node alone, others from every node, and nothing from strangers") {
  const PeerTable table = make_table();
  const auto judge = [&](const char* sender, const char* source) {
    return table.judge(number(sender), number(source));
  };
  CHECK(judge("192.0.2.2", "10.5.2.7") == Verdict::pass);
  CHECK(judge("192.0.2.2", "10.5.4.7") == Verdict::pass);
  CHECK(judge("192.0.2.2", "10.5.9.7") == Verdict::forged);
  CHECK(judge("192.0.2.2", "10.5.1.1") == Verdict::forged);  // this node's own pods, or nobody's
  CHECK(judge("192.0.2.2", "203.0.113.5") == Verdict::pass);
  CHECK(judge("192.0.2.3", "10.5.2.7") == Verdict::stranger);
  CHECK(judge("192.0.2.3", "203.0.113.5") == Verdict::stranger);
  CHECK(judge("198.51.100.1", "10.5.2.7") == Verdict::pass);
  CHECK(PeerTable().judge(number("192.0.2.2"), number("10.5.2.7")) == Verdict::stranger);
}

TEST_CASE("udp: who sends to no node gets an answer, unless none may be given") {
  const auto answer_to = [&](packets::Packet packet) {
    return flanneld::make_unreachable(*flanneld::Ipv4Header::parse(packet), packet);
  };
  const packets::Packet packet = packets::tcp({});
  const auto answer = answer_to(packet);
  REQUIRE(answer.size() == 20 + 8 + 28);
  const auto header = flanneld::Ipv4Header::parse(answer);
  REQUIRE(header);
  CHECK(header->source == 0x0a050203);
  CHECK(header->destination == 0x0a050102);
  CHECK(header->protocol == flanneld::kIcmp);
  CHECK(flanneld::has_right_header_checksum(flanneld::ConstBytes(answer).first(20)));
  CHECK(flanneld::fold(flanneld::add_words(flanneld::ConstBytes(answer).subspan(20))) == 0xffff);
  CHECK(answer[20] == 3);
  CHECK(answer[21] == 0);
  CHECK(packets::Packet(answer.begin() + 28, answer.end()) ==
        packets::Packet(packet.begin(), packet.begin() + 28));

  packets::Packet icmp = packet, fragment = packet;
  icmp[9] = flanneld::kIcmp;
  fragment[7] = 1;
  CHECK(answer_to(icmp).empty());
  CHECK(answer_to(fragment).empty());
  CHECK(answer_to(packets::tcp({.source = number("255.255.255.255")})).empty());
  CHECK(answer_to(packets::tcp({.source = 0})).empty());
  CHECK(answer_to(packets::tcp({.destination = number("224.0.0.251")})).empty());
}
