#include "flanneld/store/kube/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/error.h"
#include "common/base/text.h"
#include "flanneld/store/spread.h"

namespace flanneld {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr seconds kConfigInterval(10), kConfigRetry(1);
constexpr milliseconds kFirstNameTry(200), kMostNameTry(5000);
/// So many Nodes are read one by one, and more if they are a small part of all: an entry of a list costs the
/// server a fraction of a request.
constexpr size_t kMostFetches = 100, kFetchedPart = 4;
/// Nodes that a new or restored cluster lacks have been registered again by then.
constexpr seconds kAfterLoss(60);

std::optional<base::IpAddress> address_of(const KubeNode& node, const char* name, base::Family family) {
  const auto found = node.annotations.find(name);
  const auto ip = found == node.annotations.end() ? std::nullopt : base::IpAddress::parse(found->second);
  return ip && ip->family() == family ? ip : std::nullopt;
}

/// What the agent is told of the node that it runs on.
NodeRead node_read(const KubeNode& node) {
  NodeRead read;
  for (const std::string& text : node.addresses)
    if (const auto ip = base::IpAddress::parse(text)) read.addresses.push_back(*ip);
  read.public_ip = address_of(node, annotation::kNodePublicIp, base::Family::v4);
  read.public_ipv6 = address_of(node, annotation::kNodePublicIpv6, base::Family::v6);
  for (const base::Family family : base::kFamilies) {
    try {
      read_backend(node.annotations, family, read.published);
    } catch (const base::ParseError&) {
      continue;  // nothing is published for it
    }
  }
  return read;
}

}  // namespace

KubeStore::KubeStore(EventLoop& loop, const Options& options, FileReader read_file)
    : loop_(loop),
      options_(options),
      read_file_(std::move(read_file)),
      prefix_(options.kube_annotation_prefix),
      client_(
          loop, [this] { return kube_access(options_, read_file_); }, read_file_),
      config_timer_(loop, [this] { read_config(); }),
      name_timer_(loop, [this] { find_name(); }),
      relist_timer_(loop, [this] { follower_->list_again(); }),
      wipe_timer_(loop, [this] { tell_list(LeasesListed::Extent::complete); }),
      name_backoff_(kFirstNameTry, kMostNameTry),
      fetcher_(loop, client_, prefix_, [this](const KubeNode& node) { tell_changes(table_->put(node)); }) {}

std::string KubeStore::describe() const {
  const std::string server = client_.server();
  return server.empty() ? "Kubernetes" : fmt::format("Kubernetes at {}", server);
}

void KubeStore::start(StoreListener listener) {
  listener_ = std::move(listener);
  config_timer_.start(seconds(0));
  name_timer_.start(seconds(0));
}

void KubeStore::claim(const Claim& claim) {
  const bool is_first = !claim_;
  claim_ = claim;
  is_told_ = false;
  if (is_first && is_listed_) tell_list(LeasesListed::Extent::complete);
  if (own_ && claim.kind == Claim::Kind::subnet) own_->publish(claim);
}

void KubeStore::serve() {
  serves_ = true;
  if (own_) own_->serve();
}

// --- what is read once ------------------------------------------------------------------------------------

void KubeStore::read_config() {
  config_timer_.start(config_.empty() ? kConfigRetry : kConfigInterval);
  try {
    const auto text = options_.network_config.empty() ? read_file_(options_.net_config_path)
                                                      : std::optional(options_.network_config);
    if (!text)
      return set_problem(Part::config,
                         fmt::format("there is no network configuration {}", options_.net_config_path));
    clear_problem(Part::config);
    config_ = *text;
    tell_config();
  } catch (const base::SystemError& error) {
    set_problem(Part::config, error.what());
  }
}

void KubeStore::find_name() {
  const KubeEnvironment& environment = options_.kube_environment;
  if (!environment.node_name.empty()) return follow(environment.node_name);
  name_call_ = client_.begin(
      {.path = fmt::format("/api/v1/namespaces/{}/pods/{}", url_encoded(environment.pod_namespace),
                           url_encoded(environment.pod_name)),
       .rule = "pods: get"},
      [this](const KubeAnswer& answer) { take_pod(answer); });
}

void KubeStore::take_pod(const KubeAnswer& answer) {
  name_call_.reset();
  std::string reason = answer.reason;
  if (answer) {
    try {
      const std::string name = parse_node_name(answer.body);
      clear_problem(Part::name);
      return follow(name);
    } catch (const base::ParseError& error) {
      reason = fmt::format("{}: {}", client_.server(), error.what());
    }
  }
  name_timer_.start(std::max<milliseconds>(name_backoff_.next(), answer.retry_after));
  set_problem(Part::name, fmt::format("the name of this node: {}", reason));
}

void KubeStore::follow(const std::string& name) {
  table_.emplace(name, [this](const EntrySkipped& event) { listener_(event); });
  own_ = std::make_unique<OwnNode>(
      loop_, client_, name, prefix_,
      options_.set_node_network_unavailable ? OwnNode::Condition::kept : OwnNode::Condition::left_alone,
      OwnNode::Handlers{
          .known = [this](const KubeNode& node) { own_known(node); },
          .published = [this](const Lease& lease) { own_published(lease); },
          .waits = [this](const std::string& reason) { own_waits(reason); },
          .failed = [this](const std::string& reason) { set_problem(Part::own_requests, reason); },
          .answered = [this] { clear_problem(Part::own_requests); },
          .contested = [this](const std::string& reason) { listener_(LeaseContested{reason}); }});
  if (claim_ && claim_->kind == Claim::Kind::subnet) own_->publish(*claim_);
  if (serves_) own_->serve();
  follower_ = std::make_unique<NodeFollower>(
      loop_, client_, prefix_,
      NodeFollower::Handlers{
          .list_begins =
              [this] {
                table_->begin_list();
                has_own_ = false;
              },
          .listed =
              [this](const KubeNode& node) {
                table_->put_listed(node);
                if (node.name != own_->name()) return;
                has_own_ = true;
                own_->see(node, OwnNode::Seen::in_list);
              },
          .list_ends = [this] { list_ended(); },
          .changed = [this](const KubeEvent& event) { changed(event); },
          .failed = [this](const std::string& reason) { set_problem(Part::nodes, reason); },
          .answered = [this] { clear_problem(Part::nodes); }});
  follower_->start();
}

/// Not before the own Node was looked for: it says which address and MAC the others know.
void KubeStore::tell_config() {
  if (!is_listed_ || config_ == told_config_) return;
  told_config_ = config_;
  listener_(ConfigRead{config_});
}

// --- the other Nodes --------------------------------------------------------------------------------------

void KubeStore::list_ended() {
  table_->end_list();
  fetcher_.forget_all();
  relist_timer_.cancel();
  is_listed_ = true;
  const bool knew_itself = claim_ && claim_->kind == Claim::Kind::subnet && (held_ || claim_->previous);
  const bool is_wiped = !has_own_ && knew_itself;
  if (!has_own_) own_->lose();
  if (is_wiped) wipe_timer_.start(kAfterLoss);
  if (claim_)
    tell_list(is_wiped || wipe_timer_.armed() ? LeasesListed::Extent::after_wipe
                                              : LeasesListed::Extent::complete);
  tell_config();
}

void KubeStore::tell_list(LeasesListed::Extent extent) {
  LeasesListed list;
  list.extent = extent;
  for (const Lease& lease : table_->leases()) {
    Lease one = restricted(lease, claim_->config);
    if (one.key != LeaseKey{}) list.leases.push_back(std::move(one));
  }
  if (held_) list.leases.push_back(*held_);
  listener_(list);
}

void KubeStore::changed(const KubeEvent& event) {
  const std::string& name = event.node.name;
  const bool is_deleted = event.kind == KubeEvent::Kind::deleted;
  if (name == own_->name()) return is_deleted ? own_->lose() : own_->see(event.node, OwnNode::Seen::in_event);
  tell_changes(is_deleted ? table_->remove(name) : table_->put(event.node));
  if (table_->needs_whole(name) && !event.node.is_whole) return fetch(event.node);
  fetcher_.forget(name);
}

/// Its podCIDRs are what an event does not show. When many have joined a list tells all of them, which the
/// other nodes ask for too.
void KubeStore::fetch(const KubeNode& node) {
  if (relist_timer_.armed()) return;
  const auto nodes = static_cast<int64_t>(table_->size());
  fetcher_.fetch(node.name, node.resource_version, nodes);
  if (fetcher_.size() <= std::max(kMostFetches, table_->size() / kFetchedPart)) return;
  fetcher_.forget_all();
  relist_timer_.start(random_part(urgent_list_spread(nodes)));
}

void KubeStore::tell_changes(const std::vector<LeaseEvent>& events) {
  if (!claim_) return;
  LeasesChanged changes;
  for (const LeaseEvent& event : events) {
    const Lease lease = restricted(event.lease, claim_->config);
    if (lease.key != LeaseKey{}) changes.events.push_back({event.kind, lease});
  }
  if (!changes.events.empty()) listener_(changes);
}

// --- the own Node -----------------------------------------------------------------------------------------

void KubeStore::own_known(const KubeNode& node) {
  const NodeRead read = node_read(node);
  if (std::exchange(told_node_, read) != read) listener_(read);
}

void KubeStore::own_published(const Lease& lease) {
  waits_for_.clear();
  clear_problem(Part::own_node);
  if (std::exchange(held_, lease) == lease && std::exchange(is_told_, true)) return;
  is_told_ = true;
  listener_(LeaseClaimed{lease, SubnetOrigin::assigned, {}});
}

void KubeStore::own_waits(const std::string& reason) {
  if (held_) return set_problem(Part::own_node, reason);
  if (std::exchange(waits_for_, reason) != reason) listener_(ClaimFailed{reason});
}

// --- what does not work -----------------------------------------------------------------------------------

void KubeStore::set_problem(Part part, const std::string& reason) {
  const bool begins = problems_.empty();
  if (std::exchange(problems_[part], reason) == reason) return;
  listener_(StoreUnreachable{problems_.begin()->second,
                             begins ? StoreUnreachable::Outage::begins : StoreUnreachable::Outage::goes_on});
}

void KubeStore::clear_problem(Part part) {
  if (problems_.erase(part) == 0) return;
  if (!problems_.empty())
    return listener_(StoreUnreachable{problems_.begin()->second, StoreUnreachable::Outage::goes_on});
  listener_(StoreConnected{});
  if (!waits_for_.empty()) listener_(ClaimFailed{waits_for_});  // that is what it waits for again
}

}  // namespace flanneld
