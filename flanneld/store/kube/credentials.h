// The credentials that a request to the API server bears: a token that a file holds and others replace, or
// what a program gives.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flanneld/io/child.h"
#include "flanneld/io/event_loop.h"
#include "flanneld/io/result.h"
#include "flanneld/options/options.h"
#include "flanneld/store/kube/access.h"
#include "flanneld/store/kube/exec_credential.h"

namespace flanneld {

class KubeCredentials {
 public:
  /// The text is why there are none; empty: there are.
  using Done = std::function<void(const std::string& failure)>;

  KubeCredentials(EventLoop& loop, const KubeAccess& access, FileReader read_file);

  /// Calls `done` when headers() are those of now: at once, or later from the loop.
  void prepare(Done done);
  [[nodiscard]] std::vector<std::string> headers() const;
  /// A client certificate that the program gave; empty: none.
  [[nodiscard]] const TlsFiles& certificate() const { return given_.texts; }
  /// The server has refused them: they are got anew.
  void refused();

 private:
  void read_token();
  void run();
  void take(const ChildResult& result);

  EventLoop& loop_;
  const KubeAccess& access_;
  FileReader read_file_;
  std::string token_;
  std::optional<EventLoop::Clock::time_point> token_read_;
  KubeExecAnswer given_;
  bool is_given_ = false;
  std::vector<Done> waiting_;
  std::unique_ptr<Child> child_;
};

}  // namespace flanneld
