#include "flanneld/store/saved_leases.h"

#include "common/base/error.h"
#include "tests/fuzz/decoders.h"

void fuzz::saved_state(std::string_view input) {
  try {
    const auto state = flanneld::SavedState::parse(input);
    const auto again = flanneld::SavedState::parse(state.format());
    promise(again.store == state.store && again.network_config == state.network_config &&
                again.own == state.own && again.peers == state.peers,
            "what was saved reads the same");
  } catch (const base::ParseError&) {
  }
}
