#include "common/netlink/message.h"

#include <endian.h>

#include <cstring>
#include <new>

namespace netlink {
namespace {

void check(int failed) {
  if (failed < 0) throw std::bad_alloc();  // libnl's only failure here is that the message is full
}

/// A number of at most 8 bytes in host order; 0 when absent or of another size.
template <class Number>
Number number(const nlattr* attribute) {
  Number value = 0;
  if (attribute && nla_len(attribute) >= static_cast<int>(sizeof value))
    std::memcpy(&value, nla_data(attribute), sizeof value);
  return value;
}

}  // namespace

Message::Message(int type, int flags) : message_(nlmsg_alloc_simple(type, NLM_F_REQUEST | flags)) {
  if (!message_) throw std::bad_alloc();
}

void Message::append(const void* bytes, size_t length) {
  check(nlmsg_append(message_.get(), const_cast<void*>(bytes), length, NLMSG_ALIGNTO));
}

Message& Message::put(int attribute, const void* bytes, size_t length) {
  check(nla_put(message_.get(), attribute, static_cast<int>(length), bytes));
  return *this;
}

Message& Message::put_be32(int attribute, uint32_t value) { return put_u32(attribute, htobe32(value)); }

Message& Message::put_be64(int attribute, uint64_t value) {
  const uint64_t big_endian = htobe64(value);
  return put(attribute, &big_endian, sizeof big_endian);
}

nlattr* Message::begin_nest(int attribute) {
  nlattr* start = nla_nest_start(message_.get(), attribute);
  if (!start) throw std::bad_alloc();
  return start;
}

void PackedRequests::add(const Message& message) {
  const nlmsghdr* header = message.raw();
  starts_.push_back(bytes_.size());
  bytes_.resize(bytes_.size() + NLMSG_ALIGN(header->nlmsg_len));
  std::memcpy(bytes_.data() + starts_.back(), header, header->nlmsg_len);
}

void PackedRequests::clear() {
  bytes_.clear();
  starts_.clear();
}

nlmsghdr* PackedRequests::at(size_t place) {
  return reinterpret_cast<nlmsghdr*>(bytes_.data() + starts_[place]);  // aligned: all parts are padded
}

std::string_view PackedRequests::bytes(size_t first, size_t end) const {
  const size_t stop = end == starts_.size() ? bytes_.size() : starts_[end];
  return {bytes_.data() + starts_[first], stop - starts_[first]};
}

Attributes Attributes::of(const nlmsghdr* message, size_t header_bytes) {
  if (message->nlmsg_len < NLMSG_LENGTH(header_bytes)) return {nullptr, 0};
  return {nlmsg_attrdata(message, static_cast<int>(header_bytes)),
          nlmsg_attrlen(message, static_cast<int>(header_bytes))};
}

const nlattr* Attributes::find(int type) const { return first_ ? nla_find(first_, length_, type) : nullptr; }

uint32_t Attributes::u32(int type) const { return number<uint32_t>(find(type)); }

uint64_t Attributes::be64(int type) const { return be64toh(number<uint64_t>(find(type))); }

uint8_t Attributes::u8(int type) const { return number<uint8_t>(find(type)); }

std::string Attributes::string(int type) const {
  const std::string_view all = bytes(type);
  return std::string(all.substr(0, all.find('\0')));
}

std::string_view Attributes::bytes(int type) const {
  const nlattr* attribute = find(type);
  return attribute ? std::string_view(static_cast<const char*>(nla_data(attribute)),
                                      static_cast<size_t>(nla_len(attribute)))
                   : std::string_view();
}

Attributes Attributes::nested(int type) const {
  const nlattr* attribute = find(type);
  if (!attribute) return {nullptr, 0};
  return {static_cast<const nlattr*>(nla_data(attribute)), nla_len(attribute)};
}

}  // namespace netlink
