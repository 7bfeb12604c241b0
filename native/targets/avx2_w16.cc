// Test only: AVX-512 split over AVX2 registers, with its lanes, tiles, blocks and masked stores, where no CPU has the
// real one. It must give the bits of every other target. Flags: -mavx2 -mfma -O1.
#define ANNEAL_TARGET avx2_w16
#define ANNEAL_LANES 16
#include "target.inc"
