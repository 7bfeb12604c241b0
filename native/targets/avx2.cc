// x86-64 with AVX2 and FMA. Flags: -mavx2 -mfma.
#define ANNEAL_TARGET avx2
#define ANNEAL_LANES 8
#include "target.inc"
