#include "flanneld/store/etcd/discovery.h"

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <utility>

#include "common/base/error.h"
#include "flanneld/io/url.h"

namespace flanneld {
namespace {

struct Service {
  std::string_view name, scheme;
};
constexpr std::array<Service, 2> kServices{
    {{"_etcd-client-ssl._tcp", "https"}, {"_etcd-client._tcp", "http"}}};

using Urls = Result<std::vector<std::string>>;

}  // namespace

void mix(std::vector<SrvRecord>& records, const RandomBelow& random) {
  const auto is_alike = [](const SrvRecord& a, const SrvRecord& b) {
    return a.priority == b.priority && a.weight == b.weight;
  };
  for (size_t i = 0; i < records.size(); ++i) {
    size_t alike = 1;
    while (i + alike < records.size() && is_alike(records[i], records[i + alike])) ++alike;
    std::swap(records[i], records[i + random(alike)]);
  }
}

std::vector<std::string> etcd_urls(const SrvLookup::Records& records) {
  std::vector<std::string> urls;
  for (size_t i = 0; i < records.size() && i < kServices.size(); ++i)
    for (const SrvRecord& one : records[i]) {
      std::string url = fmt::format("{}://{}:{}", kServices.at(i).scheme, one.host, one.port);
      try {
        parse_url(url);
      } catch (const base::ParseError&) {
        continue;  // a name that no host has
      }
      urls.push_back(std::move(url));
    }
  return urls;
}

void EtcdDiscovery::find(const Done& done) {
  std::vector<std::string> names;
  names.reserve(kServices.size());
  for (const Service& one : kServices) names.push_back(fmt::format("{}.{}", one.name, domain_));
  try {
    lookup_.start(names, [names, done](const Result<SrvLookup::Records>& records) {
      if (!records) return done(Urls::failure(records.reason()));
      SrvLookup::Records mixed = *records;
      for (std::vector<SrvRecord>& one : mixed) mix(one);
      std::vector<std::string> urls = etcd_urls(mixed);
      if (urls.empty())
        return done(Urls::failure(fmt::format("the DNS has no SRV records of {} or {}", names[0], names[1])));
      done(std::move(urls));
    });
  } catch (const base::SystemError& error) {
    done(Urls::failure(error.what()));
  }
}

}  // namespace flanneld
