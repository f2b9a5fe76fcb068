#include "flanneld/udp/unreachable.h"

#include <algorithm>
#include <cstring>

namespace flanneld {
namespace {

constexpr size_t kIcmpBytes = 8, kQuoted = 8;
constexpr uint8_t kDestinationUnreachable = 3, kNetworkUnreachable = 0;
constexpr uint8_t kTtl = 64;
constexpr uint8_t kVersionAndLength = 0x45;
constexpr uint8_t kInternetworkControl = 0xc0;  // TOS of routers' own messages

bool is_one_host(uint32_t address) {
  const uint32_t first = address >> 24;
  return first != 0 && first != 127 && first < 224;
}

}  // namespace

std::vector<uint8_t> make_unreachable(const Ipv4Header& header, ConstBytes packet) {
  // Upstream answers no ICMP at all, so that two routers never answer each other.
  if (header.protocol == kIcmp || header.fragment_offset != 0 || !is_one_host(header.source) ||
      !is_one_host(header.destination))
    return {};
  const size_t quoted = std::min(packet.size(), header.header_bytes + kQuoted);
  std::vector<uint8_t> answer(kLeastIpBytes + kIcmpBytes + quoted);
  answer[0] = kVersionAndLength;
  answer[1] = kInternetworkControl;
  write_16(&answer[2], static_cast<uint16_t>(answer.size()));
  answer[8] = kTtl;
  answer[9] = kIcmp;
  write_32(&answer[12], header.destination);
  write_32(&answer[16], header.source);
  set_header_checksum(Bytes(answer).first(kLeastIpBytes));
  const Bytes icmp = Bytes(answer).subspan(kLeastIpBytes);
  icmp[0] = kDestinationUnreachable;
  icmp[1] = kNetworkUnreachable;
  std::memcpy(&icmp[kIcmpBytes], packet.data(), quoted);
  store_checksum(&icmp[2], static_cast<uint16_t>(~fold(add_words(icmp))));
  return answer;
}

}  // namespace flanneld
