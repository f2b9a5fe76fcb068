// Which interface the operator wants peers to reach the node by.
#pragma once

#include "flanneld/node/external_interface.h"
#include "flanneld/options/options.h"

namespace flanneld {

/// The flags' part of the request; which families are in use is for the caller to add.
InterfaceRequest interface_request(const Options& options);

}  // namespace flanneld
