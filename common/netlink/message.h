// Building and reading netlink messages, on libnl's attribute functions.
#pragma once

#include <linux/netlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace netlink {

/// A request under construction, of at most 4 KiB: what no longer fits throws SystemError(EMSGSIZE).
/// Attributes go in one after the other; `nest` opens a container.
class Message {
 public:
  /// `flags` besides NLM_F_REQUEST.
  Message(int type, int flags);
  /// Takes what libnl has built. Throws std::bad_alloc for nullptr.
  explicit Message(nl_msg* built);

  /// The family's fixed header, right behind the netlink header.
  template <class Header>
  Message& header(const Header& value) {
    append(&value, sizeof value);
    return *this;
  }
  Message& put(int attribute, const void* bytes, size_t length);
  Message& put_u8(int attribute, uint8_t value) { return put(attribute, &value, sizeof value); }
  Message& put_u16(int attribute, uint16_t value) { return put(attribute, &value, sizeof value); }
  Message& put_u32(int attribute, uint32_t value) { return put(attribute, &value, sizeof value); }
  /// Network byte order, as nfnetlink wants its numbers.
  Message& put_be32(int attribute, uint32_t value);
  Message& put_be64(int attribute, uint64_t value);
  /// With a terminating NUL.
  Message& put_string(int attribute, const std::string& text) {
    return put(attribute, text.c_str(), text.size() + 1);
  }
  template <class Fill>
  Message& nest(int attribute, Fill&& fill, int nest_flag = NLA_F_NESTED) {
    nlattr* start = begin_nest(attribute | nest_flag);
    fill();
    nla_nest_end(message_.get(), start);
    return *this;
  }
  /// Opens a container again that ends the message, by its path from the outermost one.
  template <class Fill>
  Message& extend(std::initializer_list<int> path, size_t header_bytes, Fill&& fill) {
    const std::vector<nlattr*> containers = find_containers(path, header_bytes);
    fill();
    for (nlattr* container : containers) nla_nest_end(message_.get(), container);
    return *this;
  }

  [[nodiscard]] nl_msg* get() const { return message_.get(); }
  [[nodiscard]] nlmsghdr* raw() const { return nlmsg_hdr(message_.get()); }

 private:
  struct Free {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
  };
  void append(const void* bytes, size_t length);
  nlattr* begin_nest(int attribute);
  [[nodiscard]] std::vector<nlattr*> find_containers(std::initializer_list<int> path,
                                                     size_t header_bytes) const;
  std::unique_ptr<nl_msg, Free> message_;
};

/// Requests one behind the other, to be sent at once. Cheaper than as many Messages: each of those has
/// room for 4 KiB.
class PackedRequests {
 public:
  void add(const Message& message);
  [[nodiscard]] size_t count() const { return starts_.size(); }
  [[nodiscard]] nlmsghdr* at(size_t place);
  /// The bytes of the places [first, end).
  [[nodiscard]] std::string_view bytes(size_t first, size_t end) const;

 private:
  std::vector<char> bytes_;
  std::vector<size_t> starts_;
};

/// The attributes of a received message or container, looked up by type; borrowed, not owned.
class Attributes {
 public:
  Attributes(const nlattr* first, int length) : first_(first), length_(length) {}
  /// Those behind a fixed header of `header_bytes`.
  static Attributes of(const nlmsghdr* message, size_t header_bytes);

  [[nodiscard]] const nlattr* find(int type) const;
  /// Numbers; 0 when absent or too short.
  [[nodiscard]] uint16_t u16(int type) const;
  [[nodiscard]] uint32_t u32(int type) const;
  [[nodiscard]] uint64_t u64(int type) const;
  [[nodiscard]] uint64_t be64(int type) const;
  [[nodiscard]] uint8_t u8(int type) const;
  /// Up to a NUL or the end; empty when absent.
  [[nodiscard]] std::string string(int type) const;
  /// The raw payload; empty when absent.
  [[nodiscard]] std::string_view bytes(int type) const;
  [[nodiscard]] Attributes nested(int type) const;
  /// Shows what is in each attribute, in order, as of a list.
  template <class Visit>
  void for_each(Visit&& visit) const {
    int rest = length_;
    for (const nlattr* one = first_; one && nla_ok(one, rest); one = nla_next(one, &rest))
      visit(Attributes(static_cast<const nlattr*>(nla_data(one)), nla_len(one)));
  }

 private:
  const nlattr* first_;
  int length_;
};

}  // namespace netlink
