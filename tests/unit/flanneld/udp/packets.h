// Packets for tests.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <span>
#include <vector>

#include "flanneld/udp/ipv4_packet.h"

namespace packets {

using Packet = std::vector<uint8_t>;

struct TcpSpec {
  uint32_t source = 0x0a050102, destination = 0x0a050203;
  uint32_t number = 1000;
  uint8_t flags = 0x10;  ///< ACK
  size_t payload = 100;
  uint8_t first_byte = 0;  ///< of the payload, which counts up
  uint16_t id = 7;
  uint8_t ttl = 63;
};

/// A segment with an option of 12 bytes and right checksums.
inline Packet tcp(const TcpSpec& spec) {
  Packet packet(20 + 32 + spec.payload);
  packet[0] = 0x45;
  flanneld::write_16(&packet[2], static_cast<uint16_t>(packet.size()));
  flanneld::write_16(&packet[4], spec.id);
  packet[6] = 0x40;
  packet[8] = spec.ttl;
  packet[9] = flanneld::kTcp;
  flanneld::write_32(&packet[12], spec.source);
  flanneld::write_32(&packet[16], spec.destination);
  uint8_t* const tcp = &packet[20];
  flanneld::write_16(tcp, 40000);
  flanneld::write_16(tcp + 2, 80);
  flanneld::write_32(tcp + 4, spec.number);
  flanneld::write_32(tcp + 8, 5555);
  tcp[12] = 8 << 4;
  tcp[13] = spec.flags;
  flanneld::write_16(tcp + 14, 500);
  tcp[20] = tcp[21] = 1;
  for (size_t i = 0; i < spec.payload; ++i) tcp[32 + i] = static_cast<uint8_t>(spec.first_byte + i);
  flanneld::set_header_checksum(flanneld::Bytes(packet).first(20));
  const auto header = *flanneld::Ipv4Header::parse(packet);
  const auto transport = flanneld::Bytes(packet).subspan(20);
  flanneld::store_checksum(tcp + 16, static_cast<uint16_t>(~flanneld::fold(flanneld::add_words(
                                         transport, flanneld::pseudo_header_sum(header, transport.size())))));
  return packet;
}

/// As the kernel hands it to a device that computes checksums.
inline Packet with_partial_checksum(Packet packet) {
  const auto header = *flanneld::Ipv4Header::parse(packet);
  flanneld::store_checksum(&packet[36],
                           flanneld::fold(flanneld::pseudo_header_sum(header, packet.size() - 20)));
  return packet;
}

inline Packet joined(std::span<const iovec> pieces) {
  Packet all;
  for (const iovec& piece : pieces) {
    const auto* bytes = static_cast<const uint8_t*>(piece.iov_base);
    all.insert(all.end(), bytes, bytes + piece.iov_len);
  }
  return all;
}

}  // namespace packets
