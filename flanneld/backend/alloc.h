// The backend that only holds a subnet: something else carries the packets.
#pragma once

#include <memory>

#include "flanneld/backend/backend.h"

namespace flanneld {

std::unique_ptr<Backend> make_alloc_backend(const BackendContext& context);

}  // namespace flanneld
