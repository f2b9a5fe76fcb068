// A place for a container in the storm: what the runtime knows of the one that is there now.
#pragma once

#include <atomic>
#include <string>

#include "common/json/json.h"

namespace storm {

struct Slot {
  enum class State {
    empty,     ///< nothing there
    live,      ///< ADD succeeded
    doubtful,  ///< a call was killed or failed: DEL is due
    dead       ///< its namespace went without a DEL: GC is due
  };
  int number = 0;
  int generation = 0;  ///< containers never have the ID of an earlier one
  State state = State::empty;
  bool ours = false;  ///< made by flannel, else by the reference
  std::string address;
  json::Value result;
  std::atomic<unsigned> version{0};  ///< odd: live, and all above stays as it is until it changes

  [[nodiscard]] std::string id() const {
    return "s" + std::to_string(number) + "g" + std::to_string(generation);
  }
  [[nodiscard]] std::string netns_name() const { return "s" + std::to_string(number); }
};

}  // namespace storm
