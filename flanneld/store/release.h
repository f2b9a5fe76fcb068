// Gives back the lease of a node that is gone, for the operator: without that its subnet is nobody's for a
// day.
#pragma once

#include "common/base/ip.h"
#include "flanneld/io/result.h"
#include "flanneld/lease/lease.h"
#include "flanneld/options/options.h"

namespace flanneld {

/// Removes the lease that holds `subnet` from the store of the options, and answers with it. Waits for the
/// store, as long as one call takes. The reason of a failure says what the store said, or which leases there
/// are. Throws SystemError.
Result<Lease> release_lease(const Options& options, const base::IpNet& subnet);

}  // namespace flanneld
