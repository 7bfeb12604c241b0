// Test only: 4 lanes with FMA on x86-64, which must give the bits of every other target. Flags: -mavx2 -mfma -O1.
#define ANNEAL_TARGET avx2_w4
#define ANNEAL_LANES 4
#include "target.inc"
