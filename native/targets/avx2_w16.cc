// Test only: 16 lanes split over AVX2 registers, which must give the bits of every other target. Flags: -mavx2 -mfma.
#define ANNEAL_TARGET avx2_w16
#define ANNEAL_LANES 16
#include "target.inc"
