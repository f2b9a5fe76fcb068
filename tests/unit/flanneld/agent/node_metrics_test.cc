#include "flanneld/agent/node_metrics.h"

#include <doctest/doctest.h>

using flanneld::conntrack_metrics;

TEST_CASE("node_metrics: the table of connections has its entries and its limit") {
  const std::string text = conntrack_metrics("17\n", "262144\n");
  CHECK(text.find("\nflanneld_conntrack_entries 17\n") != std::string::npos);
  CHECK(text.find("\nflanneld_conntrack_limit 262144\n") != std::string::npos);
}

TEST_CASE("node_metrics: a kernel that tracks nothing, or says no number, has no such metric") {
  CHECK(conntrack_metrics(std::nullopt, std::nullopt).empty());
  CHECK(conntrack_metrics("17\n", std::nullopt).empty());
  CHECK(conntrack_metrics("17\n", "many\n").empty());
  CHECK(conntrack_metrics("", "1\n").empty());
}
