// Netlink attributes in a growing byte string: what netlink::Message does for a whole message, for a part of
// one.
#pragma once

#include <endian.h>
#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace netfilter {

class AttributeBuffer {
 public:
  AttributeBuffer& put(int type, const void* bytes, size_t length) {
    const size_t start = begin(type);
    bytes_.append(static_cast<const char*>(bytes), length);
    return end(start);
  }
  /// In network byte order.
  AttributeBuffer& put_be32(int type, uint32_t value) {
    const uint32_t wire = htobe32(value);
    return put(type, &wire, sizeof wire);
  }
  AttributeBuffer& put_be64(int type, uint64_t value) {
    const uint64_t wire = htobe64(value);
    return put(type, &wire, sizeof wire);
  }
  /// With a terminating NUL.
  AttributeBuffer& put_string(int type, std::string_view text) {
    const size_t start = begin(type);
    bytes_.append(text).push_back('\0');
    return end(start);
  }
  /// A container; `fill` puts what is in it.
  template <class Fill>
  AttributeBuffer& nest(int type, Fill&& fill) {
    const size_t start = begin(type | NLA_F_NESTED);
    fill();
    return end(start);
  }

  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  size_t begin(int type) {
    const nlattr header{0, static_cast<uint16_t>(type)};
    bytes_.append(reinterpret_cast<const char*>(&header), sizeof header);
    return bytes_.size() - sizeof header;
  }
  /// Writes the length, which leaves the padding out, and pads.
  AttributeBuffer& end(size_t start) {
    const auto length = static_cast<uint16_t>(bytes_.size() - start);
    std::memcpy(bytes_.data() + start, &length, sizeof length);
    bytes_.resize(start + NLA_ALIGN(length));
    return *this;
  }

  std::string bytes_;
};

}  // namespace netfilter
