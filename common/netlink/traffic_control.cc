#include "common/netlink/traffic_control.h"

#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "common/base/text.h"
#include "common/netlink/object.h"

namespace netlink {
namespace {

using base::quoted;

constexpr const char* kTokenBucket = "tbf";
constexpr uint32_t kRootHandle = 1U << 16;                         // 1:0
constexpr uint32_t kIngressHandle = TC_H_INGRESS & TC_H_MAJ_MASK;  // ffff:0
constexpr uint32_t kFirstClass = TC_H_MAKE(1U << 16, 1U);          // 1:1
constexpr uint16_t kRedirectPriority = 1;

tcmsg tc_header(int ifindex, uint32_t parent, uint32_t handle = 0, uint32_t info = 0) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = ifindex;
  header.tcm_parent = parent;
  header.tcm_handle = handle;
  header.tcm_info = info;
  return header;
}

template <class Value>
std::optional<Value> read(std::string_view bytes) {
  Value value;
  if (bytes.size() < sizeof value) return std::nullopt;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::optional<TokenBucket> parse_token_bucket(const nlmsghdr* message) {
  const auto attributes = Attributes::of(message, sizeof(tcmsg));
  if (attributes.string(TCA_KIND) != kTokenBucket) return std::nullopt;
  const Attributes options = attributes.nested(TCA_OPTIONS);
  const auto parameters = read<tc_tbf_qopt>(options.bytes(TCA_TBF_PARMS));
  if (!parameters) return std::nullopt;
  const auto rate64 = read<uint64_t>(options.bytes(TCA_TBF_RATE64));
  return TokenBucket{.rate = rate64.value_or(parameters->rate.rate),
                     .limit = parameters->limit,
                     .buffer = parameters->buffer,
                     .burst = 0};
}

/// One of the actions of a filter: redirect to the link.
void put_redirection(Message& message, int place, int to, int verdict) {
  message.nest(place, [&] {
    message.put_string(TCA_ACT_KIND, "mirred");
    message.nest(TCA_ACT_OPTIONS, [&] {
      tc_mirred mirred{};
      mirred.action = verdict;
      mirred.eaction = TCA_EGRESS_REDIR;
      mirred.ifindex = static_cast<uint32_t>(to);
      message.put(TCA_MIRRED_PARMS, &mirred, sizeof mirred);
    });
  });
}

/// The link that a filter's first action redirects to.
std::optional<int> parse_redirection(const nlmsghdr* message) {
  const auto attributes = Attributes::of(message, sizeof(tcmsg));
  const Attributes options = attributes.nested(TCA_OPTIONS);
  const Attributes action = options.nested(TCA_U32_ACT).nested(1);
  if (action.string(TCA_ACT_KIND) != "mirred") return std::nullopt;
  const auto mirred = read<tc_mirred>(action.nested(TCA_ACT_OPTIONS).bytes(TCA_MIRRED_PARMS));
  return mirred ? std::optional(static_cast<int>(mirred->ifindex)) : std::nullopt;
}

/// The link of an ingress queue.
std::optional<int> parse_ingress(const nlmsghdr* message) {
  const auto header = read<tcmsg>({static_cast<const char*>(nlmsg_data(message)), sizeof(tcmsg)});
  if (Attributes::of(message, sizeof(tcmsg)).string(TCA_KIND) != "ingress") return std::nullopt;
  return header->tcm_ifindex;
}

}  // namespace

void set_token_bucket(NetlinkSocket& socket, const Link& link, const TokenBucket& bucket) {
  tc_tbf_qopt parameters{};
  parameters.rate.rate = static_cast<uint32_t>(std::min<uint64_t>(bucket.rate, UINT32_MAX));
  parameters.limit = bucket.limit;
  parameters.buffer = bucket.buffer;
  Message message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE);
  message.header(tc_header(link.ifindex, TC_H_ROOT, kRootHandle));
  message.put_string(TCA_KIND, kTokenBucket);
  message.nest(TCA_OPTIONS, [&] {
    message.put(TCA_TBF_PARMS, &parameters, sizeof parameters);
    if (bucket.rate > UINT32_MAX) message.put(TCA_TBF_RATE64, &bucket.rate, sizeof bucket.rate);
    if (bucket.burst != 0) message.put_u32(TCA_TBF_BURST, bucket.burst);
  });
  socket.request(
      message, fmt::format("limit what link {} sends to {} bytes a second", quoted(link.name), bucket.rate));
}

std::optional<TokenBucket> find_token_bucket(NetlinkSocket& socket, const Link& link) {
  Message query(RTM_GETQDISC, NLM_F_ECHO);  // else the answer goes to the subscribers alone
  query.header(tc_header(link.ifindex, TC_H_ROOT));
  std::optional<TokenBucket> bucket;
  socket.get(query, fmt::format("read the queue of link {}", quoted(link.name)),
             [&](const nlmsghdr* message) { bucket = parse_token_bucket(message); });
  return bucket;
}

bool create_ifb(NetlinkSocket& socket, const std::string& name, uint32_t mtu) {
  const auto link = own<LinkObject>(rtnl_link_alloc());
  set_name(link.get(), name);
  check(rtnl_link_set_type(link.get(), "ifb"));
  rtnl_link_set_mtu(link.get(), mtu);
  rtnl_link_set_txqlen(link.get(), 0);
  rtnl_link_set_flags(link.get(), IFF_UP);
  return socket.request_unless(EEXIST, build(rtnl_link_build_add_request, link, NLM_F_CREATE | NLM_F_EXCL),
                               fmt::format("create IFB {}", quoted(name)));
}

void redirect_ingress(NetlinkSocket& socket, const Link& from, int to) {
  Message queue(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);
  queue.header(tc_header(from.ifindex, TC_H_INGRESS, kIngressHandle));
  queue.put_string(TCA_KIND, "ingress");
  socket.request_unless(EEXIST, queue, fmt::format("take in what link {} receives", quoted(from.name)));

  // By its handle an earlier one is found; u32's first, in the table that it makes itself.
  constexpr uint32_t kHandle = 0x80000800;
  Message filter(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_REPLACE);
  filter.header(tc_header(from.ifindex, kIngressHandle, kHandle,
                          TC_H_MAKE(static_cast<uint32_t>(kRedirectPriority) << 16, htons(ETH_P_ALL))));
  filter.put_string(TCA_KIND, "u32");
  filter.nest(TCA_OPTIONS, [&] {
    // A tc_u32_sel, which ends in an array, and one key of zeros, which every packet matches.
    std::array<unsigned char, sizeof(tc_u32_sel) + sizeof(tc_u32_key)> all{};
    all[offsetof(tc_u32_sel, flags)] = TC_U32_TERMINAL;
    all[offsetof(tc_u32_sel, nkeys)] = 1;
    filter.put_u32(TCA_U32_CLASSID, kFirstClass);
    filter.put(TCA_U32_SEL, all.data(), all.size());
    filter.nest(TCA_U32_ACT, [&] { put_redirection(filter, 1, to, TC_ACT_STOLEN); });
  });
  socket.request(filter, fmt::format("redirect what link {} receives", quoted(from.name)));
}

std::vector<int> redirection_targets(NetlinkSocket& socket) {
  Message queues(RTM_GETQDISC, NLM_F_DUMP);
  queues.header(tc_header(0, 0));
  std::vector<int> targets;
  for (const int ifindex : socket.list<int>(queues, "list the queues of all links", parse_ingress)) {
    Message filters(RTM_GETTFILTER, NLM_F_DUMP);
    filters.header(tc_header(ifindex, kIngressHandle));
    for (const int target : socket.list<int>(filters, "list the redirections of a link", parse_redirection))
      targets.push_back(target);
  }
  return targets;
}

}  // namespace netlink
