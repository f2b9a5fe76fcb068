// The verbs of the `flannel` plugin: configuration and subnet.env in, work of the delegate out.
#pragma once

#include "common/cni/request.h"

namespace flannel {

cni::OrderedJson add(const cni::Request& request);
void del(const cni::Request& request);
void check(const cni::Request& request);
void gc(const cni::Request& request);
void status(const cni::Request& request);

/// `request` as the stored configuration `config` describes the attachment: its network and version.
cni::Request stored_request(const cni::Request& request, const cni::Json& config);

/// Takes down one attachment by the configuration that ADD stored, with the delegate of that time.
void tear_down(const cni::Request& request, const cni::Json& config);

/// The configuration to judge an attachment or the node by: as stored, else as rendered now.
std::string delegate_type_of(const cni::Json& config);
std::string ipam_type_of(const cni::Json& config);

}  // namespace flannel
