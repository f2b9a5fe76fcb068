// How the simulator itself asks the fleet's server, one request after the other.
#pragma once

#include <string>
#include <utility>

#include "flanneld/io/http_client.h"

namespace scale {

class ServerAccess {
 public:
  explicit ServerAccess(std::string endpoint) : endpoint_(std::move(endpoint)) {}

  /// Waits until the server answers the path with 200. Throws std::runtime_error after 60 s.
  void await(const std::string& path) const;
  /// Sends the request to the path, and waits for its answer's body. Throws std::runtime_error if it is a
  /// refusal, or none comes within 60 s.
  std::string ask(const std::string& path, flanneld::HttpRequest request);

  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }

 private:
  std::string endpoint_;
  flanneld::EventLoop loop_;  ///< the members' loop stands still meanwhile
  flanneld::HttpClient http_{loop_, {}};
};

}  // namespace scale
