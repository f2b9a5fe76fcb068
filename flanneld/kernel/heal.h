// What the agent does about foreign changes of what it keeps: --heal.
#pragma once

namespace flanneld {

/// yes: they are undone; no: they are told of.
enum class Heal : bool { no, yes };

}  // namespace flanneld
