// Which lease store the options ask for.
#pragma once

#include <memory>
#include <string>

#include "flanneld/io/event_loop.h"
#include "flanneld/options/options.h"
#include "flanneld/store/etcd/client.h"
#include "flanneld/store/lease_store.h"

namespace flanneld {

/// How etcd is reached.
EtcdAccess etcd_access(const Options& options);

std::unique_ptr<LeaseStore> make_lease_store(EventLoop& loop, const Options& options);

/// What tells one set of leases from another: the servers, in any order, and the prefix; or the directory.
/// Without passwords.
std::string store_identity(const Options& options);

}  // namespace flanneld
