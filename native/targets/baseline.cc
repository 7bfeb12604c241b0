// Any x86-64: SSE2, no FMA. Outside the promise of equal bits. Flags: none.
#define ANNEAL_TARGET baseline
#define ANNEAL_LANES 4
#include "target.inc"
