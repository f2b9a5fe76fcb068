#include "tests/scale/member.h"

#include <fmt/format.h>

#include <algorithm>

namespace scale {

using flanneld::Lease;
using flanneld::LeaseEvent;
using flanneld::LeaseKey;
using flanneld::StoreEvent;

namespace {

/// FNV-1a; never 0, which is no lease.
uint32_t content_of(const Lease& lease) {
  uint32_t hash = 2166136261;
  const auto take = [&](const void* bytes, size_t size) {
    for (size_t i = 0; i < size; ++i) hash = (hash ^ static_cast<const uint8_t*>(bytes)[i]) * 16777619;
  };
  take(lease.attributes.public_ip.data(), lease.attributes.public_ip.size());
  take(lease.attributes.backend_data.data(), lease.attributes.backend_data.size());
  return std::max<uint32_t>(hash, 1);
}

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

}  // namespace

uint32_t* View::place(const LeaseKey& key) {
  if (!key.subnet || !subnets_.allows(*key.subnet)) return nullptr;
  return &contents_.at(subnets_.index_of(key.subnet->address));
}

void View::put(const Lease& lease) {
  uint32_t* content = place(lease.key);
  if (!content) return;
  sum_ -= *content;
  *content = content_of(lease);
  sum_ += *content;
}

void View::remove(const LeaseKey& key) {
  uint32_t* content = place(key);
  if (!content) return;
  sum_ -= *content;
  *content = 0;
}

void View::clear() {
  std::fill(contents_.begin(), contents_.end(), 0);
  sum_ = 0;
}

void Member::boot() {
  ++boots_;
  lists_ = 0;
  has_outage_ = false;
  store_ = make_store_(number_);
  store_->start([this](const StoreEvent& event) { take(event); });
}

void Member::stop() {
  store_.reset();
  is_up_ = false;
  view_.clear();
}

void Member::take(const StoreEvent& event) {
  std::visit(Overloaded{[&](const flanneld::ConfigRead& config) { claim(config.text); },
                        [&](const flanneld::LeaseClaimed& claimed) {
                          own_ = claimed.own;
                          is_up_ = true;
                          view_.put(*own_);
                          store_->serve();
                        },
                        [&](const flanneld::LeasesListed& list) {
                          ++lists_;
                          ++meter_.counts().lists;
                          view_.clear();
                          for (const Lease& lease : list.leases) view_.put(lease);
                        },
                        [&](const flanneld::LeasesChanged& changes) {
                          meter_.counts().events += changes.events.size();
                          for (const LeaseEvent& one : changes.events)
                            one.kind == LeaseEvent::Kind::put ? view_.put(one.lease)
                                                              : view_.remove(one.lease.key);
                        },
                        [&](const flanneld::StoreUnreachable& outage) {
                          has_outage_ = true;
                          if (outage.outage == flanneld::StoreUnreachable::Outage::begins)
                            ++meter_.counts().outages;
                        },
                        [&](const flanneld::StoreConnected&) { has_outage_ = false; }, [](const auto&) {}},
             event);
}

void Member::claim(const std::string& config) {
  flanneld::Claim claim{flanneld::NetworkConfig::parse(config), attributes(), {}};
  if (own_) claim.previous = own_->key;
  store_->claim(claim);
}

flanneld::LeaseAttributes Member::attributes() const {
  flanneld::LeaseAttributes mine;
  mine.public_ip = base::IpAddress::v4(0xac100001 + number_);  // 172.16.0.1
  mine.backend_type = "vxlan";
  mine.backend_data = fmt::format(R"({{"VNI":1,"VtepMAC":"02:{:02x}:00:00:{:02x}:{:02x}"}})", boots_ & 255,
                                  number_ >> 8 & 255, number_ & 255);
  return mine;
}

}  // namespace scale
