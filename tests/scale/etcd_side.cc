#include "tests/scale/etcd_side.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "flanneld/io/base64.h"
#include "flanneld/store/etcd/client.h"
#include "flanneld/store/etcd/store.h"
#include "tests/scale/counted_calls.h"

namespace scale {
namespace {

constexpr const char* kPrefix = "/coreos.com/network";

}  // namespace

void EtcdSide::await() { server_.await("/health"); }

std::string EtcdSide::post(const std::string& path, const std::string& body) {
  flanneld::HttpRequest request;
  request.body = body;
  return server_.ask(fmt::format("/v3/{}", path), std::move(request));
}

void EtcdSide::put(const std::string& key, const std::string& value) {
  const nlohmann::json body{{"key", flanneld::base64_encode(key)}, {"value", flanneld::base64_encode(value)}};
  revision_ = nlohmann::json::parse(post("kv/put", body.dump())).at("header").at("revision");
}

void EtcdSide::prepare(uint32_t) { put(fmt::format("{}/config", kPrefix), kNetworkConfig); }

void EtcdSide::put(const flanneld::Lease& lease) {
  put(fmt::format("{}/subnets/{}", kPrefix, lease.key.format()), lease.attributes.format());
}

void EtcdSide::forget() { post("kv/compaction", nlohmann::json{{"revision", revision_}}.dump()); }

std::unique_ptr<flanneld::LeaseStore> EtcdSide::client(flanneld::EventLoop& loop, uint32_t) {
  flanneld::EtcdAccess access;
  access.endpoints = {server_.endpoint()};
  flanneld::EtcdStoreOptions options;
  options.prefix = kPrefix;
  return std::make_unique<flanneld::EtcdStore>(
      loop, std::make_unique<CountedCalls>(std::make_unique<flanneld::EtcdClient>(loop, access), meter_),
      options);
}

}  // namespace scale
