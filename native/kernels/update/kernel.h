// Updates of parameters, and what is asked of gradients before.
#pragma once
#include "clip_scale.h"
#include "require_finite.h"
#include "update.h"
#include "update_rows.h"
