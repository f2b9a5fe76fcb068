// Requests to the API server. Knows how it is reached and which credentials go with them, and nothing of what
// is asked.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flanneld/io/event_loop.h"
#include "flanneld/io/http_client.h"
#include "flanneld/options/options.h"
#include "flanneld/store/kube/access.h"
#include "flanneld/store/kube/credentials.h"

namespace flanneld {

/// An object without its spec and status, if the server can leave them out.
inline constexpr const char* kAcceptMetadata =
    "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json";

struct KubeRequest {
  std::string path;  ///< with its query: "/api/v1/nodes?limit=500"
  std::string accept = "application/json";
  std::string patch = {};  ///< a strategic merge patch; empty: GET
  std::string rule = {};   ///< what the ClusterRole must allow for it: "nodes: list"
  std::chrono::milliseconds limit = std::chrono::seconds(10);  ///< 0: none
};

struct KubeAnswer {
  long status = 0;  ///< 0: none came
  std::string body = {};
  std::string reason = {};              ///< why it is no good, with the server's name; empty: it is
  std::chrono::seconds retry_after{0};  ///< what the server asks for
  explicit operator bool() const { return reason.empty(); }
};

/// Text as a part of a path or query.
std::string url_encoded(std::string_view text);

class KubeClient {
 public:
  using Done = std::function<void(const KubeAnswer&)>;
  using OnData = HttpClient::OnData;
  /// Finds out how the server is reached. Throws base::ParseError or base::SystemError.
  using FindAccess = std::function<KubeAccess()>;

  /// Looks again before requests, each 10 s at most, and after a failure: requests go by what was found last.
  /// As long as nothing has been found, every request fails with what `find_access` said.
  KubeClient(EventLoop& loop, FindAccess find_access, FileReader read_file);
  KubeClient(const KubeClient&) = delete;
  KubeClient& operator=(const KubeClient&) = delete;
  ~KubeClient();

  /// One request. Destroying it ends it without another call. Must not outlive the client.
  class Call;
  struct EndCall {
    void operator()(Call* call) const;
  };
  using CallPtr = std::unique_ptr<Call, EndCall>;

  /// Calls `done` once, from the loop. With `on_data` that gets the body as it comes, while the status is
  /// 200; it may destroy the call, and so may `done`.
  [[nodiscard]] CallPtr begin(KubeRequest request, Done done, OnData on_data = nullptr);

  /// Requests that begin from now on go over a new connection: the server may be gone behind the present one.
  void distrust();

  /// Whether the credentials are a program's, or what they are is not known yet.
  [[nodiscard]] bool may_start_programs() const;
  /// The server, for people; empty: not known yet.
  [[nodiscard]] std::string server() const;

 private:
  struct Connection;
  void look_for_access();
  void distrust(Connection& connection);
  /// Keeps what calls may use, until none does: it is never destroyed by a call.
  void retire(std::shared_ptr<void> one);

  EventLoop& loop_;
  FindAccess find_access_;
  FileReader read_file_;
  std::vector<std::shared_ptr<void>> retired_;
  Timer retire_timer_;
  std::shared_ptr<Connection> connection_;
  std::optional<EventLoop::Clock::time_point> looked_;  ///< nullopt: the next request looks for the access
  std::string no_access_;                               ///< why there is no connection
};

}  // namespace flanneld
