// Dropout of the weights of attention: factors drawn where the weights are. The counter of a weight is its place among
// all, in blocks of four keys, of which each row has whole ones.
#pragma once
#include "../random/kernel.h"
#include "problem.h"

namespace anneal::ANNEAL_TARGET {

struct AttentionDropout {
  Philox philox;
  float keep, factor;
  bool any;
  int64_t blocks;  // of a row
};

static AttentionDropout attention_dropout(const AttentionProblem& p) {
  AttentionDropout d = {};
  const int32_t* key = (const int32_t*)p.call.in[5].data;
  d.any = key != nullptr;
  if (!d.any) return d;
  d.philox = {{(uint32_t)key[0], (uint32_t)key[1]}, {(uint32_t)key[2], (uint32_t)key[3]}, (uint32_t)key[4]};
  __builtin_memcpy(&d.keep, &p.call.attr[2], 4);
  __builtin_memcpy(&d.factor, &p.call.attr[3], 4);
  d.blocks = divide_up(p.S, 4);
  return d;
}

// Blocks with which the rows of a strip begin.
struct StripBlocks {
  uint64_t of[kAttentionStrip];
};
ANNEAL_INLINE StripBlocks strip_blocks(const AttentionDropout& d, const AttentionHead& head, const RowBlock& rows,
                                       int64_t first) {
  StripBlocks b;
  for (int64_t i = 0; i < kAttentionStrip; i++)
    b.of[i] = (uint64_t)(head.index(smallest(first + i, rows.last())) * d.blocks);
  return b;
}

// Factors of keys s, s + 1, s + 2 and s + 3, s a multiple of 4, of the rows from `lane` on.
ANNEAL_INLINE void dropout_factors(const AttentionDropout& d, const StripBlocks& blocks, int64_t lane, int64_t s,
                                   vf (&factor)[4]) {
  vq words[2][4];
  for (int half = 0; half < 2; half++) {
    vq first;
    __builtin_memcpy(&first, blocks.of + lane + half * kBlocks, sizeof(first));
    philox_rounds(d.philox, first + (uint64_t)(s / 4), words[half]);
  }
  for (int w = 0; w < 4; w++) {
    const vf u = uniform_of((vi)even_lanes((vf)words[0][w], (vf)words[1][w]));
    factor[w] = select(u < splat(d.keep), splat(d.factor), vf{});
  }
}

}  // namespace anneal::ANNEAL_TARGET
