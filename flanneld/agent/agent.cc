#include "flanneld/agent/agent.h"

#include <algorithm>
#include <chrono>

#include "common/base/error.h"
#include "common/base/log.h"
#include "flanneld/backend/registry.h"
#include "flanneld/io/release_memory.h"
#include "flanneld/io/sd_notify.h"
#include "flanneld/io/seccomp.h"
#include "flanneld/kernel/node_facts.h"
#include "flanneld/node/subnet_file.h"
#include "flanneld/options/interface_request.h"
#include "flanneld/store/factory.h"

namespace flanneld {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr milliseconds kRetry = seconds(1);

/// What peers notice of an interface, or its devices depend on.
bool is_same(const ExternalInterface& a, const ExternalInterface& b) {
  return a.ifindex == b.ifindex && a.name == b.name && a.mtu == b.mtu && a.ipv4 == b.ipv4 &&
         a.ipv6 == b.ipv6 && a.public_ipv4 == b.public_ipv4 && a.public_ipv6 == b.public_ipv6;
}

std::string describe(const ExternalInterface& external) {
  std::string text = "'" + external.name + "'";
  for (const auto& address : {external.ipv4, external.ipv6})
    if (address) text += " " + address->str();
  for (const auto& [address, own] :
       {std::pair(external.public_ipv4, external.ipv4), std::pair(external.public_ipv6, external.ipv6)})
    if (address && address != own) text += ", public address " + address->str();
  return text + ", MTU " + std::to_string(external.mtu) + ", by " + external.rule;
}

std::optional<Tunnel> find_tunnel(const Backend& backend, base::Family family) {
  for (const TunnelPort& one : backend.tunnel_ports())
    if (one.family == family) return Tunnel{one.device, one.port};
  return std::nullopt;
}

const char* describe(SubnetOrigin origin) {
  switch (origin) {
    case SubnetOrigin::own_lease:
      return "the node's own lease was in the store";
    case SubnetOrigin::kept:
      return "the subnet that the node had";
    case SubnetOrigin::fresh:
      return "fresh";
  }
  return "";
}

}  // namespace

Agent::Agent(EventLoop& loop, const Options& options)
    : loop_(loop),
      options_(options),
      netlink_(netlink::NetlinkSocket::open()),
      store_(make_lease_store(loop, options)),
      reconciler_(loop, options.heal ? Reconciler::Heal::yes : Reconciler::Heal::no,
                  {[this] { status_changed(); }, [this] { host_changed(); }}),
      configure_timer_(loop, [this] { configure(); }),
      attach_timer_(loop, [this] { attach(); }),
      peers_timer_(loop, [this] { apply_peers(); }),
      saved_timer_(loop, [this] { use_saved_state(); }),
      save_timer_(
          loop,
          [this] {
            save();
            give_memory_back();  // after a start or a burst of leases this is the last thing to happen
          }),
      confine_timer_(loop, [this] { confine(); }) {}

Agent::~Agent() = default;

void Agent::start() {
  read_previous_subnet();
  listen();
  base::log_info("subnet manager: " + store_->describe());
  if (!options_.network_config.empty()) use_config(options_.network_config);
  load_saved_state();
  store_->start([this](const StoreEvent& event) { std::visit([this](const auto& one) { on(one); }, event); });
}

void Agent::use_config(const std::string& text) {
  config_ = NetworkConfig::parse(text);
  config_text_ = text;
  config_problem_.reset();
  if (own_ && attached_) {
    // The store was away and has another configuration than was saved: begin anew with it.
    previous_ = own_->key;
    own_.reset();
    attached_ = false;
  }
  configure();
}

InterfaceChoice Agent::choose_interface() {
  InterfaceRequest request = interface_request(options_);
  request.ipv4 = config_->ipv4.has_value();
  request.ipv6 = config_->ipv6.has_value();
  return choose_external_interface(read_host_network(netlink_), request);
}

void Agent::make_backend_for(const ExternalInterface& external, std::vector<HostRoute> routes) {
  backend_ = make_backend({*config_, external, read_devices(netlink_), routes});
  external_ = external;
  host_routes_ = std::move(routes);
}

void Agent::configure() {
  if (!config_) return;
  try {
    const InterfaceChoice choice = choose_interface();
    if (!choice.chosen) {
      const std::string reason = "no external interface serves: " + choice.reasons();
      if (interface_problem_ != reason) base::log_error(reason);
      interface_problem_ = reason;
      if (!backend_) wait_because("an external interface: " + choice.reasons());
      configure_timer_.start(kRetry);
      return;
    }
    interface_problem_.reset();
    base::log_info("external interface " + describe(*choice.chosen));
    make_backend_for(*choice.chosen, read_host_routes(netlink_, choice.chosen->ifindex));
    if (own_) {
      attach();
    } else {
      peers_.use(*config_, backend_, std::nullopt);
      reconciler_.reconcile(node_plan());
    }
    claim();
  } catch (const base::ParseError& error) {
    base::log_error("network configuration: " + std::string(error.what()));
    config_problem_ = error.what();
    wait_because("a network configuration that can be used: " + *config_problem_);
  } catch (const base::SystemError& error) {
    try_again_because(error, configure_timer_);
  }
}

/// Says why, but not again at each try.
void Agent::try_again_because(const base::SystemError& error, Timer& timer) {
  if (waiting_for_ != error.what()) base::log_error(error.what());
  wait_because(error.what());
  timer.start(kRetry);
}

void Agent::host_changed() {
  if (!config_ || !external_) return;
  try {
    const InterfaceChoice choice = choose_interface();
    if (choice.chosen && is_same(*choice.chosen, *external_)) {
      interface_problem_.reset();
      routes_changed();
      return;
    }
    if (choice.chosen) base::log_info("the node's external interface has changed");
    configure();
  } catch (const base::SystemError& error) {
    base::log_warning("look at the node's interfaces: " + std::string(error.what()));
    configure_timer_.start(kRetry);
  }
}

/// Which peers are directly connected may be different now.
void Agent::routes_changed() {
  std::vector<HostRoute> routes = read_host_routes(netlink_, external_->ifindex);
  if (routes == host_routes_) return;
  make_backend_for(*external_, std::move(routes));
  attach();
}

void Agent::confine() {
  if (rules_->needs_programs()) return;
  try {
    if (!forbid_programs()) confine_timer_.start(kRetry);  // a resolver's thread, which soon ends
  } catch (const base::SystemError& error) {
    base::log_warning(std::string(error.what()) + ", ignoring");
  }
}

void Agent::claim() {
  if (!own_) wait_because("a lease from the " + store_->describe());
  store_->claim({*config_, backend_->attributes(), own_ ? own_->key : previous_});
}

NodePlan Agent::node_plan() const {
  NodePlan plan = backend_->node_plan(own_ ? &own_->key : nullptr);
  if (own_ && options_.ip_blackhole_route)
    for (const auto& subnet : {own_->key.subnet, own_->key.ipv6_subnet})
      if (subnet) plan.blackholes.push_back(*subnet);
  return plan;
}

void Agent::apply_rules() {
  TrafficSpec spec;
  for (const base::Family family : base::kFamilies)
    if (config_->of(family) && own_->key.of(family))
      spec.networks.push_back(
          {config_->of(family)->network, *own_->key.of(family), find_tunnel(*backend_, family)});
  spec.masquerade = options_.ip_masq;
  spec.fully_random = !options_.ip_masq_fully_random_disable;
  spec.forward = options_.iptables_forward_rules;
  if (!rules_)
    rules_ = make_traffic_rules(loop_, config_->enable_nftables.value_or(true),
                                seconds(options_.iptables_resync), [this] { status_changed(); });
  rules_->apply(spec);
}

void Agent::write_subnet_env() {
  const auto env = make_subnet_env(*config_, own_->key, backend_->mtu(), options_.ip_masq);
  if (write_subnet_file(options_.subnet_file, env))
    base::log_info("wrote " + options_.subnet_file + ": subnet " + own_->key.str() + ", MTU " +
                   std::to_string(env.mtu));
}

void Agent::attach() {
  if (!own_ || !backend_) return;
  try {
    peers_.use(*config_, backend_, own_);
    peers_timer_.cancel();
    reconciler_.reconcile(node_plan(), peers_.plans());
    apply_rules();
    write_subnet_env();
    attached_ = true;
    waiting_for_.clear();
    save_soon();
    status_changed();
  } catch (const base::SystemError& error) {
    try_again_because(error, attach_timer_);
  }
}

void Agent::on(const LeaseClaimed& event) {
  const Lease& own = event.own;
  ++counters_.claims;
  const bool moves = own_ && own_->key != own.key;
  for (const std::string& subnet : event.refused)
    base::log_warning("an earlier subnet is given up: " + subnet);
  if (moves)
    base::log_error("the subnet " + own_->key.str() +
                    " is lost to another node; pods with its addresses cannot " +
                    "be reached from other nodes and must be made anew");
  base::log_info("lease " + own.key.str() + " acquired: " + describe(event.origin) + describe_expiry(own));
  const bool is_new = !own_ || moves || !attached_;
  own_ = own;
  runs_from_saved_ = false;
  saved_.reset();
  if (is_new)
    attach();
  else
    status_changed();
}

}  // namespace flanneld
