// The variance along rows that lie apart in memory: the means of kColumnBlock rows and the squares around them while
// these rows are in the cache, combined as Moments are (reduce_rows.h). How many rows a partial result is of is the
// same for all columns.

struct ColumnMoments {
  float *mean, *squares;
  float rows;
};

// a = a and b.
static void combine_moments(ColumnMoments& a, const ColumnMoments& b, int64_t n) {
  const float rows = a.rows + b.rows, share = b.rows / rows;
  const vf part = splat(share), weight = splat(a.rows * share);
  each_vector(n, [&](int64_t j, int lanes) __attribute__((always_inline)) {
    const vf mean = ld_some(a.mean + j, lanes), apart = ld_some(b.mean + j, lanes) - mean;
    const vf squares = ld_some(a.squares + j, lanes) + ld_some(b.squares + j, lanes);
    st_some(a.mean + j, mean + apart * part, lanes);
    st_some(a.squares + j, squares + apart * apart * weight, lanes);
  });
  a.rows = rows;
}

// `center` is scratch for the means themselves: those of m are distances from row 0.
static void moments_of_rows(ColumnMoments& m, Rows<float>& rows, int64_t count, int64_t n, float* center) {
  Rows<float> again = rows;
  const float* origin = rows.in;
  m.rows = (float)count;
  reduce_block_of_rows<RealDistances>(m.mean, rows, count, n, origin);
  each_vector(n, [&](int64_t j, int lanes) __attribute__((always_inline)) {
    const vf mean = ld(m.mean + j) / splat(m.rows);
    st(m.mean + j, mean);
    st(center + j, ld_some(origin + j, lanes) + mean);
  });
  reduce_block_of_rows<RealSquares>(m.squares, again, count, n, center);
}

constexpr int kMostLevels = 40;

static ColumnMoments variance_run(const ReduceJob& job, const float* in, int64_t first, int64_t last, int64_t n,
                                  char* scratch) {
  ColumnMoments partial[kMostLevels];
  Rows<float> rows = {&job, in, cursor_at(job.reduced, job.reduced.rank, first)};
  uint64_t count = 0;
  for (int64_t r = first; r < last || count == 0; r += kColumnBlock, count++) {
    int top = __builtin_popcountll(count);
    partial[top].mean = (float*)(scratch + (2 * top + 1) * kRunBytes);
    partial[top].squares = (float*)(scratch + (2 * top + 2) * kRunBytes);
    moments_of_rows(partial[top], rows, smallest(kColumnBlock, last - r), n, (float*)scratch);
    for (uint64_t c = count; c & 1; c >>= 1, top--) combine_moments(partial[top - 1], partial[top], n);
  }
  for (int top = __builtin_popcountll(count) - 1; top > 0; top--) combine_moments(partial[top - 1], partial[top], n);
  return partial[0];
}

// Of segment s of the job's partial results: [segments, 2, outputs].
ANNEAL_INLINE ColumnMoments segment_moments(const ColumnJob& job, int64_t s) {
  float* mean = (float*)job.partial + 2 * s * job.base.outputs;
  return {mean, mean + job.base.outputs, (float)smallest(kSegmentRows, job.base.R - s * kSegmentRows)};
}

static void variance_chunk(void* arg, int64_t chunk, int32_t worker) {
  const ColumnJob& job = *(const ColumnJob*)arg;
  const ReduceJob& base = job.base;
  const ColumnChunk c = column_chunk_of(job, chunk);
  const ColumnMoments m = variance_run(base, (const float*)base.in + c.offset, c.first, c.last, c.n,
                                       base.context->scratch(base.context, worker));
  if (!job.partial) return store_columns(base, c.o, m.squares, c.n);
  const ColumnMoments to = segment_moments(job, c.segment);
  __builtin_memcpy(to.mean + c.o, m.mean, (size_t)c.n * 4);
  __builtin_memcpy(to.squares + c.o, m.squares, (size_t)c.n * 4);
}

static void variance_columns(const ColumnJob& job) {
  column_region(job, variance_chunk);
  if (!job.partial) return;
  const int64_t n = job.base.outputs;
  for (int64_t step = 1; step < job.segments; step *= 2)
    for (int64_t s = 0; s + step < job.segments; s += 2 * step) {
      ColumnMoments a = segment_moments(job, s), b = segment_moments(job, s + step);
      // What was combined before covers `step` segments, but for the last.
      a.rows = (float)(step * kSegmentRows);
      b.rows = (float)smallest(step * kSegmentRows, job.base.R - (s + step) * kSegmentRows);
      combine_moments(a, b, n);
    }
  store_columns(job.base, 0, segment_moments(job, 0).squares, n);
}
