// Any aarch64: NEON with FMA. Flags: none.
#define ANNEAL_TARGET neon
#define ANNEAL_LANES 4
#include "target.inc"
