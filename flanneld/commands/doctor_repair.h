// What `flanneld doctor --fix` does about findings.
#pragma once

#include <vector>

#include "flanneld/commands/doctor_report.h"

namespace flanneld {

/// Carries out the repairs of the findings, each once: says on stdout what it is going to do before it does
/// it, and after that what came of it. What fails is told and keeps nothing else from being done.
void carry_out_repairs(const std::vector<Finding>& findings);

}  // namespace flanneld
