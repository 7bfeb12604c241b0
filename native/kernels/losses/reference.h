// References of the losses.
#pragma once
#include "reference_cross_entropy.h"
#include "reference_ctc.h"
#include "reference_soft_cross_entropy.h"
