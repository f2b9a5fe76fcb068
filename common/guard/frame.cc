#include "common/guard/frame.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>

#include "common/base/hash.h"
#include "common/guard/rules.h"
#include "common/netfilter/nft_query.h"
#include "common/netfilter/nft_set.h"
#include "common/netfilter/nft_socket.h"
#include "common/netfilter/nft_transaction.h"
#include "common/netlink/link.h"

namespace guard {
namespace {

using base::IpAddress;
using netfilter::nft_value;
using netfilter::NftTransaction;
using netlink::NetlinkError;
using netlink::NetlinkSocket;

constexpr const char* kAdd = "guard the ports of pods";
constexpr const char* kRemove = "release the ports of pods";
constexpr int kMostLooks = 3;
constexpr ptrdiff_t kMostPorts = 100;  // in one transaction, some hundred messages

/// One element and its set.
struct Element {
  const char* set;
  std::string value;
};

std::vector<Element> elements_of(const Port& port) {
  const std::string index = netfilter::nft_index_value(port.ifindex);
  std::vector<Element> all;
  for (const IpAddress& address : port.sources)
    all.push_back({address.is_v4() ? kSources4 : kSources6, fmt::format("{}{}", index, nft_value(address))});
  if (port.has_nested_macs) all.push_back({kNested, index});
  if (port.checks_sources) all.push_back({kGuarded, index});
  return all;
}

std::vector<Element> elements_of(const std::vector<Port>& ports) {
  std::vector<Element> all;
  for (const Port& port : ports)
    for (Element& element : elements_of(port)) all.push_back(std::move(element));
  return all;
}

template <class Change>
void change_each_set(const std::vector<Element>& elements, Change&& change) {
  for (const char* set : {kSources4, kSources6, kNested, kGuarded}) {
    std::vector<std::string> values;
    for (const Element& element : elements)
      if (element.set == set) values.push_back(element.value);
    if (!values.empty()) change(set, values);
  }
}

void add_elements(NftTransaction& transaction, const std::vector<Element>& elements) {
  change_each_set(elements, [&](const char* set, const std::vector<std::string>& values) {
    transaction.add_elements(set, values);
  });
}

/// False if one of them is not there; nothing is changed then.
bool delete_elements(NetlinkSocket& nft, const std::vector<Element>& elements) {
  NftTransaction transaction(table());
  change_each_set(elements, [&](const char* set, const std::vector<std::string>& values) {
    transaction.delete_elements(set, values);
  });
  return transaction.commit(nft, kRemove);
}

/// False when the kernel lacks what it takes: nf_tables, its family for bridges, or filter chains there.
bool commit(NftTransaction& transaction, NetlinkSocket& nft) {
  try {
    return transaction.commit(nft, kAdd);
  } catch (const NetlinkError& error) {
    if (error.error_number() != EOPNOTSUPP && error.error_number() != EAFNOSUPPORT) throw;
    return false;
  }
}

Frame guard_some(NetlinkSocket& nft, const std::vector<Element>& elements) {
  NftTransaction fast(table());
  add_elements(fast, elements);
  if (commit(fast, nft)) return Frame::present;
  NftTransaction whole(table());
  add_frame(whole);
  add_elements(whole, elements);
  return commit(whole, nft) ? Frame::made : Frame::impossible;
}

/// Calls `change` with the elements of the ports, of some ports at a time, as long as it returns true. False
/// if it did not.
template <class Change>
bool change_in_batches(const std::vector<Port>& ports, Change&& change) {
  for (auto begin = ports.begin(); begin != ports.end();) {
    const auto end = begin + std::min(kMostPorts, ports.end() - begin);
    if (!change(elements_of(std::vector<Port>(begin, end)))) return false;
    begin = end;
  }
  return true;
}

/// False if another has removed some of them meanwhile.
bool remove_gone(NetlinkSocket& nft, NetlinkSocket& host, const Elements& present) {
  std::set<int> gone = present.guarded;
  gone.insert(present.nested.begin(), present.nested.end());
  for (const auto& [port, sources] : present.sources) gone.insert(port);
  // After the elements: a port is made before they are.
  for (const netlink::Link& link : netlink::all_links(host)) gone.erase(link.ifindex);
  std::vector<Port> ports;
  for (const int ifindex : gone) {
    ports.push_back({.ifindex = ifindex,
                     .sources = {},
                     .checks_sources = present.guarded.contains(ifindex),
                     .has_nested_macs = present.nested.contains(ifindex)});
    if (const auto had = present.sources.find(ifindex); had != present.sources.end())
      ports.back().sources = had->second;
  }
  return change_in_batches(
      ports, [&](const std::vector<Element>& elements) { return delete_elements(nft, elements); });
}

}  // namespace

netfilter::NftTable table() { return {.family = netfilter::NftFamily::bridge, .name = "flannel-pods"}; }

IpAddress link_local_of(const base::MacAddress& mac) {
  const auto& m = mac.bytes;
  // RFC 4291 appendix A: the bit that says who gave the MAC is inverted.
  const std::array<uint8_t, 16> bytes{
      0xfe, 0x80, 0, 0, 0, 0, 0, 0, static_cast<uint8_t>(m[0] ^ 2), m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]};
  return *IpAddress::from_bytes(bytes.data(), bytes.size());
}

Frame guard_ports(NetlinkSocket& nft, const std::vector<Port>& ports) {
  Frame frame = Frame::present;
  change_in_batches(ports, [&](const std::vector<Element>& elements) {
    const Frame answer = guard_some(nft, elements);
    if (answer != Frame::present) frame = answer;
    return frame != Frame::impossible;
  });
  return frame;
}

bool ensure_frame(NetlinkSocket& nft) {
  NftTransaction transaction(table());
  add_frame(transaction);
  return commit(transaction, nft);
}

bool has_rules(NetlinkSocket& nft) {
  const auto present = find_nft_table(nft, table());
  return present && is_whole(*present);
}

bool has_frame(NetlinkSocket& nft) { return has_rules(nft) && elements(nft); }

bool can_have_frame(NetlinkSocket& nft) {
  if (has_frame(nft)) return true;
  // Made and removed in one step; with a name of its own it touches no frame.
  NftTransaction probe({.family = table().family, .name = "flannel-pods-probe"});
  probe.ensure_table();
  probe.ensure_base_chain("prerouting", {.type = "filter", .point = netfilter::NftHookPoint::prerouting});
  probe.delete_table();
  return commit(probe, nft);
}

void release_ports(NetlinkSocket& nft, const std::vector<Port>& ports) {
  const std::vector<Element> all = elements_of(ports);
  if (all.empty() || delete_elements(nft, all)) return;
  for (const Element& element : all) delete_elements(nft, {element});
}

std::optional<Elements> elements(NetlinkSocket& nft) {
  Elements all;
  for (const char* set : {kGuarded, kNested, kSources4, kSources6}) {
    const auto values = nft_elements(nft, table(), set);
    if (!values) return std::nullopt;
    for (const std::string& value : *values) {
      const int port = netfilter::index_in(value);
      if (set == kGuarded)
        all.guarded.insert(port);
      else if (set == kNested)
        all.nested.insert(port);
      else if (const auto address = netfilter::address_behind_index(value))
        all.sources[port].push_back(*address);
    }
  }
  return all;
}

void collect(NetlinkSocket& nft, NetlinkSocket& host) {
  // Many DELs may do so at once. What another has taken meanwhile refuses a whole batch, at the price of a
  // grace period of the kernel's: then look again, rather than to ask for each element, of which there may be
  // a thousand.
  for (int look = 0; look < kMostLooks; ++look) {
    const auto present = elements(nft);
    if (!present || remove_gone(nft, host, *present)) return;
  }
}

void release_gone_port(NetlinkSocket& host, const std::string& name) {
  if (base::fnv1a_32(name) % kGonePorts != 0) return;
  auto nft = netfilter::open_nft_socket();
  if (!nft) return;
  try {
    collect(*nft, host);
  } catch (const NetlinkError& error) {
    // Links come and go too fast for a list of them: that is no reason to fail, as a later DEL looks again.
    if (error.error_number() != EAGAIN) throw;
  }
}

}  // namespace guard
