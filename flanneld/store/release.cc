#include "flanneld/store/release.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "flanneld/io/event_loop.h"
#include "flanneld/store/directory/lease_files.h"
#include "flanneld/store/etcd/client.h"
#include "flanneld/store/etcd/entries.h"
#include "flanneld/store/etcd/list.h"
#include "flanneld/store/etcd/store.h"
#include "flanneld/store/factory.h"

namespace flanneld {
namespace {

constexpr size_t kNamedLeases = 10;

bool holds(const LeaseKey& key, const base::IpNet& subnet) {
  return key.of(subnet.address.family()) == subnet;
}

std::string not_found(const base::IpNet& subnet, const std::vector<LeaseKey>& there) {
  std::vector<std::string> names;
  for (size_t i = 0; i < there.size() && i < kNamedLeases; ++i) names.push_back(there[i].str());
  if (there.size() > kNamedLeases) names.emplace_back("…");
  return fmt::format("there is no lease of {}; there are {}", subnet,
                     names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
}

Result<Lease> release_file(const std::string& directory, const base::IpNet& subnet) {
  LeaseFiles files(directory, system_now, [](const EntrySkipped&) {});
  files.open();
  const base::FileLock lock = files.lock();
  std::vector<LeaseKey> there;
  for (const Lease& lease : files.read({}, LeaseFiles::Unreadable::is_known_lease)) {
    there.push_back(lease.key);
    if (!holds(lease.key, subnet)) continue;
    files.remove(lease.key);
    return lease;
  }
  return Result<Lease>::failure(not_found(subnet, there));
}

/// One removal from etcd. The etcd lease that the key was bound to ends by itself, within a day.
class EtcdRelease {
 public:
  EtcdRelease(const Options& options, const base::IpNet& subnet)
      : subnet_(subnet),
        entries_(clean_etcd_prefix(options.etcd_prefix), system_now, [](const EntrySkipped&) {}),
        etcd_(loop_, etcd_access(options)) {}

  Result<Lease> run() {
    EtcdList list(etcd_, entries_.subnets(),
                  {.begins = [this] { there_.clear(); },
                   .entry = [this](const EtcdKeyValue& kv) { take_entry(kv); },
                   .too_long = [](const EtcdKeyValue&) {},
                   .done = [this](const Result<EtcdListEnd>& answer) { take_list(answer); }});
    list.begin();
    loop_.run();
    return *outcome_;
  }

 private:
  void take_entry(const EtcdKeyValue& kv) {
    const auto lease = entries_.read(kv);
    if (!lease) return;
    there_.push_back(lease->key);
    if (holds(lease->key, subnet_)) found_.emplace(kv, *lease);
  }

  void take_list(const Result<EtcdListEnd>& answer) {
    if (!answer) return end(Result<Lease>::failure(answer.reason()));
    if (!found_) return end(Result<Lease>::failure(not_found(subnet_, there_)));
    remove(found_->first, found_->second);
  }

  void remove(const EtcdKeyValue& kv, const Lease& lease) {
    etcd_.delete_if(kv.key, kv.mod_revision, [this, kv, lease](const Result<EtcdTxn>& answer) {
      if (!answer) return end(Result<Lease>::failure(answer.reason()));
      if (!answer->succeeded)
        return end(
            Result<Lease>::failure(fmt::format("{} has just been written anew: its node lives", kv.key)));
      end(lease);
    });
  }

  void end(const Result<Lease>& outcome) {
    outcome_ = outcome;
    loop_.stop();
  }

  base::IpNet subnet_;
  EventLoop loop_;
  LeaseEntries entries_;
  EtcdClient etcd_;
  std::vector<LeaseKey> there_;
  std::optional<std::pair<EtcdKeyValue, Lease>> found_;
  std::optional<Result<Lease>> outcome_;
};

}  // namespace

Result<Lease> release_lease(const Options& options, const base::IpNet& subnet) {
  if (options.kube_subnet_mgr)
    return Result<Lease>::failure("a lease of Kubernetes goes with its Node: kubectl delete node");
  if (!options.lease_dir.empty()) return release_file(options.lease_dir, subnet);
  return EtcdRelease(options, subnet).run();
}

}  // namespace flanneld
