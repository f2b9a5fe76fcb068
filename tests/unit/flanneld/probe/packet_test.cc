#include "flanneld/probe/packet.h"

#include <doctest/doctest.h>

#include <algorithm>

using base::Family;
using base::IpAddress;
using flanneld::ProbeAnswer;

namespace {

constexpr uint16_t kId = 0x1234, kPort = 0xabcd;
constexpr uint64_t kCookie = 0x1122334455667788;
const IpAddress kFrom = *IpAddress::parse("10.5.2.0");

using Bytes = std::vector<uint8_t>;

Bytes header_v4(uint8_t protocol) {
  Bytes header(20);
  header[0] = 0x45;
  header[9] = protocol;
  return header;
}

Bytes header_v6(uint8_t next) {
  Bytes header(40);
  header[0] = 0x60;
  header[6] = next;
  return header;
}

Bytes join(Bytes first, const Bytes& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

Bytes icmp(uint8_t type, uint8_t code, const Bytes& quoted) {
  Bytes header(8);
  header[0] = type;
  header[1] = code;
  return join(header, quoted);
}

std::optional<ProbeAnswer> parse(Family family, const Bytes& bytes) {
  return flanneld::parse_probe_answer(family, kFrom, kId, kPort, bytes.data(), bytes.size());
}

}  // namespace

TEST_CASE("probe packets: an echo request has the size asked for, its checksum and the cookie") {
  Bytes echo = flanneld::make_echo_request(Family::v4, kId, kCookie, 1450);
  CHECK(echo.size() == 1430);
  uint32_t sum = 0;
  for (size_t i = 0; i < echo.size(); i += 2) sum += static_cast<uint32_t>(echo[i] << 8 | echo[i + 1]);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  CHECK(sum == 0xffff);
  echo[0] = 0;  // as the reply
  const auto answer = parse(Family::v4, join(header_v4(1), echo));
  REQUIRE(answer);
  CHECK(answer->cookie == kCookie);
  CHECK(answer->kind == ProbeAnswer::Kind::reply);

  Bytes echo6 = flanneld::make_echo_request(Family::v6, kId, kCookie, 64);
  CHECK(echo6.size() == 24);
  echo6[0] = 129;
  CHECK(parse(Family::v6, echo6)->cookie == kCookie);
}

TEST_CASE("probe packets: errors are told apart, and only those that quote a probe count") {
  const Bytes echo = join(header_v4(1), flanneld::make_echo_request(Family::v4, kId, kCookie, 64));
  const Bytes datagram = join(header_v4(17), flanneld::make_plain_datagram(Family::v4, kPort, kCookie, 64));
  const auto kind = [&](uint8_t type, uint8_t code, const Bytes& quoted) {
    return parse(Family::v4, join(header_v4(1), icmp(type, code, quoted)))->kind;
  };
  CHECK(kind(3, 3, datagram) == ProbeAnswer::Kind::port_error);
  CHECK(kind(3, 4, echo) == ProbeAnswer::Kind::too_big);
  CHECK(kind(3, 1, echo) == ProbeAnswer::Kind::error);
  CHECK(kind(11, 0, echo) == ProbeAnswer::Kind::error);

  const Bytes datagram6 = join(header_v6(17), flanneld::make_plain_datagram(Family::v6, kPort, kCookie, 64));
  CHECK(parse(Family::v6, icmp(1, 4, datagram6))->kind == ProbeAnswer::Kind::port_error);
  CHECK(parse(Family::v6, icmp(2, 0, datagram6))->kind == ProbeAnswer::Kind::too_big);

  const Bytes foreign = join(header_v4(1), flanneld::make_echo_request(Family::v4, kId + 1, kCookie, 64));
  CHECK(!parse(Family::v4, join(header_v4(1), icmp(3, 1, foreign))));
  const Bytes other = join(header_v4(17), flanneld::make_plain_datagram(Family::v4, kPort + 1, kCookie, 64));
  CHECK(!parse(Family::v4, join(header_v4(1), icmp(3, 3, other))));
  CHECK(!parse(Family::v4, join(header_v4(1), icmp(8, 0, echo))));
}

TEST_CASE("probe packets: nothing that is cut off anywhere is an answer") {
  for (const Family family : base::kFamilies) {
    const bool is_v4 = family == Family::v4;
    const Bytes inner = join(is_v4 ? header_v4(17) : header_v6(17),
                             flanneld::make_plain_datagram(family, kPort, kCookie, 64));
    const Bytes error = icmp(is_v4 ? 3 : 1, is_v4 ? 3 : 4, inner);
    const Bytes whole = is_v4 ? join(header_v4(1), error) : error;
    const size_t needed = whole.size() - inner.size() + (is_v4 ? 20U : 40U) + 16;
    for (size_t size = 0; size <= whole.size(); ++size) {
      const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      CHECK(parse(family, part).has_value() == (size >= needed));
    }
    Bytes odd = whole;
    odd[is_v4 ? 28 : 8] = 0x4f;  // a quoted header that is longer than what is there
    if (is_v4) CHECK(!parse(family, odd));
  }
}
