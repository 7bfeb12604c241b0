// Convolutions of images whose channels lie side by side. See rows.def for the operands. An element of conv and
// conv_transpose is one chain of fused multiply-adds over taps, then channels; one of conv_weight_grad over pixels, in
// parts that the shape fixes.
#pragma once
#include "correlate.h"
#include "weight_gradient.h"

namespace anneal::ANNEAL_TARGET {

static void conv_run(const Call& call, Context& context) { run_correlation(call, context, false); }
static size_t conv_scratch(const Call& call) { return correlation_scratch(call, false); }
static size_t conv_shared(const Call& call) { return correlation_shared(call, false); }

static void conv_transpose_run(const Call& call, Context& context) { run_correlation(call, context, true); }
static size_t conv_transpose_scratch(const Call& call) { return correlation_scratch(call, true); }
static size_t conv_transpose_shared(const Call& call) { return correlation_shared(call, true); }

}  // namespace anneal::ANNEAL_TARGET
