// A program that runs beside the event loop: bytes in, bytes out, one exit status. No shell is ever involved.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>

#include "common/base/process.h"
#include "common/base/unique_fd.h"
#include "flanneld/io/event_loop.h"

namespace flanneld {

struct ChildResult {
  int exit_code = 0;     ///< 0..255; 128 + signal number when a signal ended it, as shells count
  std::string output;    ///< what it wrote to stdout
  std::string messages;  ///< what it wrote to stderr, at most its first 4 KiB
  /// The errno of what kept the program from ending by itself, 0 if nothing did: that of exec, ETIMEDOUT, or
  /// EFBIG for too much output. Then `failure` says it in words.
  int error_number = 0;
  std::string failure;

  [[nodiscard]] bool succeeded() const { return error_number == 0 && exit_code == 0; }
  /// Why it did not succeed: `failure`, or the first line of its messages.
  [[nodiscard]] std::string reason() const;
};

/// One run of a program. Destroying it kills the program and calls nothing.
class Child {
 public:
  using Done = std::function<void(ChildResult)>;

  /// Where its messages go: apart, or into its output, in the order in which it writes.
  enum class Messages { apart, joined };

  /// Starts the program. `done` is called once, from the loop, also if it could not be started, and may
  /// destroy this object. A program that still runs when spec.timeout has passed is killed.
  Child(EventLoop& loop, base::ProcessSpec spec, Done done, Messages messages = Messages::apart);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

 private:
  /// An end of a pipe that is watched; closes it first.
  struct Stream {
    base::UniqueFd fd;
    void close(EventLoop& loop);
  };

  void start(Messages messages);
  void feed();
  void collect();
  void collect_messages();
  void fail(int error_number, std::string_view doing);
  void check_end();
  void finish();

  EventLoop& loop_;
  base::ProcessSpec spec_;
  Done done_;
  ChildResult result_;
  std::string_view rest_;  ///< of the input
  Stream stdin_, stdout_, stderr_, process_;
  /// The program's end of stdin, kept until all is written: a program that does not read its input then
  /// raises no SIGPIPE here.
  base::UniqueFd stdin_reader_;
  pid_t pid_ = 0;  ///< 0 when there is none to wait for
  Timer deadline_, end_;
};

}  // namespace flanneld
