#include "flanneld/agent/operator_command.h"

#include <doctest/doctest.h>

#include <unistd.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/file.h"
#include "common/base/text.h"
#include "flanneld/agent/peer_hooks.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/flanneld/test_support.h"

using namespace flanneld;
using namespace flanneld_test;
using Lines = std::vector<std::string>;

namespace {

CommandResult run(const PlannedCommand& command, size_t max_output = 100) {
  EventLoop loop;
  CommandResult result;
  const CommandRun one(loop, command, max_output, [&](const CommandResult& answer) {
    result = answer;
    loop.stop();
  });
  loop.run();
  return result;
}

/// Programs that write what they are told to a file, or fail.
struct Recorder {
  Recorder() {
    write_program("#!/bin/sh\nread data\necho $1 $SUBNET $PUBLIC_IP $data >>$0.log\n[ ! -e $0.fails ]\n");
  }
  void write_program(const std::string& text) const { base::write_file_atomic(program, text, 0755); }
  [[nodiscard]] PeerCommands commands() const {
    return {.add = fmt::format("{} add", program), .remove = fmt::format("{} remove", program)};
  }
  [[nodiscard]] Lines lines() const {
    const std::string log = base::read_file(program + ".log", 4096).value_or("");
    Lines lines;
    for (const auto& line : base::split(base::trimmed(log), '\n')) lines.emplace_back(line);
    return lines;
  }
  void run_until(const std::function<bool()>& is_so) {
    for (int i = 0; i < 3000 && !is_so(); ++i) {
      Timer end(loop, [this] { loop.stop(); });
      end.start(std::chrono::milliseconds(10));
      loop.run();
    }
    CHECK(is_so());
  }

  test::TempDir directory{"/tmp/flanneld-hooks.XXXXXX"};
  std::string program = directory.path() + "/program";
  EventLoop loop;
};

PeerPlans peers(const std::map<std::string, std::string>& data_by_subnet) {
  PeerPlans plans;
  for (const auto& [name, data] : data_by_subnet) {
    PeerPlan plan;
    plan.notice = PlannedNotice{.subnet = *key(name).subnet, .address = ip("192.0.2.2"), .data = data};
    plans[key(name)] = {std::make_shared<const PeerPlan>(plan), 1};
  }
  return plans;
}

}  // namespace

TEST_CASE(
    "operator's command: input with a newline, both outputs in their order, the failure with its reason") {
  const test::TempDir directory("/tmp/flanneld-command.XXXXXX");
  const std::string script = directory.path() + "/script";
  base::write_file_atomic(script, "cat; echo oops >&2; echo \"$1\"; exit $2", 0644);
  const auto ran = [&](const std::string& exit_code) {
    return run({.text = fmt::format("sh {} $VALUE {}", script, exit_code),
                .variables = {"VALUE=a b"},
                .input = "in"});
  };
  CHECK(ran("0").output == "in\noops\na b");
  CHECK_FALSE(ran("0").failure);
  CHECK(ran("3").failure == "exit status 3, 'in'");
  CHECK(run({.text = "no-such-program x", .variables = {}}).failure ==
        "there is no program 'no-such-program' in $PATH");
  CHECK(contains(run({.text = "/no/such x", .variables = {}}).failure.value(), "No such file"));
  CHECK(contains(run({.text = fmt::format("sh {} 1234567890", script), .variables = {}}, 10).failure.value(),
                 "File too large"));
}

TEST_CASE_FIXTURE(Recorder,
                  "startup command: is run until it has succeeded, then not again; another one is") {
  int ends = 0;
  StartupCommand startup(loop, "PreStartupCommand", [&] { ++ends; });
  CHECK_FALSE(startup.run_once(std::nullopt));
  base::write_file_atomic(program + ".fails", "", 0644);
  const PlannedCommand first{.text = program + " 1", .variables = {}};
  CHECK(contains(startup.run_once(first).value(), "the end of PreStartupCommand"));
  run_until([&] { return ends == 1; });
  CHECK(contains(startup.run_once(first).value(), "exit status 1"));
  CHECK(startup.problem());
  REQUIRE(::unlink((program + ".fails").c_str()) == 0);
  run_until([&] { return ends == 2; });
  CHECK_FALSE(startup.run_once(first));
  CHECK_FALSE(startup.problem());
  CHECK(startup.output() == "");
  CHECK(startup.run_once(PlannedCommand{.text = program + " 2", .variables = {}}));
  run_until([&] { return ends == 3; });
  CHECK(lines() == Lines{"1", "1", "2"});
}

TEST_CASE_FIXTURE(Recorder,
                  "peer hooks: one program after the other; what has not been run yet can change back") {
  PeerHooks hooks(loop, [] {});
  hooks.use(commands(), peers({{"10.5.1.0-24", "a"}, {"10.5.2.0-24", "b"}}));
  hooks.use(commands(), peers({{"10.5.1.0-24", "a"}, {"10.5.2.0-24", "b"}}));
  hooks.use(commands(), peers({{"10.5.1.0-24", "a"}, {"10.5.3.0-24", "c"}}));  // 10.5.2.0 was not its turn
  run_until([&] { return lines().size() == 2; });
  CHECK(lines() == Lines{"add 10.5.1.0/24 192.0.2.2 a", "add 10.5.3.0/24 192.0.2.2 c"});
  hooks.use(commands(), peers({{"10.5.0.0-24", "d"}, {"10.5.3.0-24", "new"}}));
  run_until([&] { return lines().size() == 5; });
  CHECK(lines().at(2) == "remove 10.5.1.0/24 192.0.2.2 a");
  CHECK(lines().at(3) == "add 10.5.0.0/24 192.0.2.2 d");
  CHECK(lines().at(4) == "add 10.5.3.0/24 192.0.2.2 new");
  CHECK_FALSE(hooks.problem());
}

TEST_CASE_FIXTURE(Recorder, "peer hooks: a failure is told until its peer is changed with success, or goes") {
  int changes = 0;
  PeerHooks hooks(loop, [&] { ++changes; });
  base::write_file_atomic(program + ".fails", "", 0644);
  hooks.use(commands(), peers({{"10.5.1.0-24", "a"}, {"10.5.2.0-24", "b"}}));
  run_until([&] { return changes == 2; });
  CHECK(hooks.problem() ==
        "programs of the backend failed for 2 peers, the first: SubnetAddCommand for 10.5.1.0/24: exit "
        "status 1");
  REQUIRE(::unlink((program + ".fails").c_str()) == 0);
  hooks.use(commands(), peers({{"10.5.2.0-24", "c"}}));
  run_until([&] { return !hooks.problem(); });
  run_until([&] { return lines().size() == 4; });
}
