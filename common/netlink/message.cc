#include "common/netlink/message.h"

#include <endian.h>

#include <cerrno>
#include <cstring>
#include <new>

#include "common/base/error.h"

namespace netlink {
namespace {

/// For libnl's functions whose only failure is that the message is full.
template <class Result>
Result checked(Result result, bool failed) {
  if (failed) throw base::SystemError(EMSGSIZE, "build a netlink message");
  return result;
}

/// A number in host order.
template <class Number>
Number number(const nlattr* attribute) {
  Number value = 0;
  if (attribute && nla_len(attribute) >= static_cast<int>(sizeof value))
    std::memcpy(&value, nla_data(attribute), sizeof value);
  return value;
}

}  // namespace

Message::Message(int type, int flags) : Message(nlmsg_alloc_simple(type, flags)) {}

Message::Message(nl_msg* built) : message_(built) {
  if (!message_) throw std::bad_alloc();
  raw()->nlmsg_flags |= NLM_F_REQUEST;
}

void Message::append(const void* bytes, size_t length) {
  const int error = nlmsg_append(message_.get(), const_cast<void*>(bytes), length, NLMSG_ALIGNTO);
  checked(error, error < 0);
}

Message& Message::put(int attribute, const void* bytes, size_t length) {
  const int error = nla_put(message_.get(), attribute, static_cast<int>(length), bytes);
  checked(error, error < 0);
  return *this;
}

Message& Message::put_be32(int attribute, uint32_t value) { return put_u32(attribute, htobe32(value)); }

Message& Message::put_be64(int attribute, uint64_t value) {
  const uint64_t big_endian = htobe64(value);
  return put(attribute, &big_endian, sizeof big_endian);
}

nlattr* Message::begin_nest(int attribute) {
  nlattr* start = nla_nest_start(message_.get(), attribute);
  return checked(start, start == nullptr);
}

std::vector<nlattr*> Message::find_containers(std::initializer_list<int> path, size_t header_bytes) const {
  std::vector<nlattr*> containers;
  Attributes inner = Attributes::of(raw(), header_bytes);
  for (const int type : path) {
    containers.insert(containers.begin(), const_cast<nlattr*>(inner.find(type)));
    inner = inner.nested(type);
  }
  return containers;
}

void PackedRequests::add(const Message& message) {
  const nlmsghdr* header = message.raw();
  starts_.push_back(bytes_.size());
  bytes_.resize(bytes_.size() + NLMSG_ALIGN(header->nlmsg_len));
  std::memcpy(bytes_.data() + starts_.back(), header, header->nlmsg_len);
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

uint16_t Attributes::u16(int type) const { return number<uint16_t>(find(type)); }

uint32_t Attributes::u32(int type) const { return number<uint32_t>(find(type)); }

uint64_t Attributes::u64(int type) const { return number<uint64_t>(find(type)); }

uint64_t Attributes::be64(int type) const { return be64toh(u64(type)); }

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
