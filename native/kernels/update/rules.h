// The rules of rules.def, each written once over V: a vector of float32 in the kernels, double in the reference.
// Rule_<name>::of computes what all elements share, in double, from the hyper-parameters, the count of this update (1
// on the first) and the flags; apply makes one step of parameter p and state s with gradient g.
#pragma once
#include "rules_moments.h"
#include "rules_scaled.h"
#include "rules_trust_ratio.h"
