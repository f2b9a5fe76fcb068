// What to do about a refusal of the kernel: its error alone does not say. Pure.
#pragma once

#include <string>

#include "common/netlink/route.h"
#include "flanneld/backend/device.h"

namespace flanneld {

// Both return "; …", to be put behind the error's text, or nothing.

std::string advice_on(const Device& device, int error_number);
std::string advice_on(const netlink::Route& route, int error_number);
/// On neighbours and forwarding entries.
std::string advice_on_entries(int error_number);

}  // namespace flanneld
