// The losses of classes: each with the gradient of its logits in the same pass.
#pragma once
#include "cross_entropy.h"
#include "ctc.h"
#include "soft_cross_entropy.h"
