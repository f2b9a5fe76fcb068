// What a raw ICMP socket receives: the first byte is 4 or 6, for the family.
#include "flanneld/probe/packet.h"
#include "tests/fuzz/decoders.h"

void fuzz::probe_answer(std::string_view input) {
  constexpr uint16_t kId = 0x666c, kPort = 40000;
  if (input.empty()) return;
  const bool is_v4 = input.front() == '4';
  input.remove_prefix(1);
  const auto family = is_v4 ? base::Family::v4 : base::Family::v6;
  const auto from = base::IpAddress::from_number(family, base::Uint128(1));
  const auto answer = flanneld::parse_probe_answer(
      family, from, kId, kPort, reinterpret_cast<const uint8_t*>(input.data()), input.size());
  if (!answer) return;
  promise(answer->from == from, "an answer is from whom it came");
  promise((answer->kind == flanneld::ProbeAnswer::Kind::reply) == answer->text.empty(),
          "an error says what it is, a reply nothing");
}
