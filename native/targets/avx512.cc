// x86-64 with AVX-512. Flags: -mavx512f -mavx512vl -mavx512dq -mavx512bw -mfma.
#define ANNEAL_TARGET avx512
#define ANNEAL_LANES 16
#include "target.inc"
