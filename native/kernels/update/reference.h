// References of the updates of parameters and of what is asked of gradients before.
#pragma once
#include "reference_clip_scale.h"
#include "reference_require_finite.h"
#include "reference_update.h"
#include "reference_update_rows.h"
