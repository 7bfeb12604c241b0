// Reductions along rows that lie apart in memory (a sum over the batch): whole rows are added into a run of
// accumulators in the first-level cache, kColumnBlock rows to a partial result; these combine pairwise, in the order of
// the rows.

constexpr int64_t kColumnBlock = 32;   // rows of one partial result
constexpr int64_t kColumnRun = 1024;   // columns of one chunk
constexpr int64_t kSegmentRows = 512;  // rows of one segment, a power of two times kColumnBlock
constexpr int64_t kRunBytes = kColumnRun * 4 + 64;

struct ColumnJob {
  ReduceJob base;
  int64_t N, outer;   // columns of the innermost kept dimension, outputs without it
  int64_t runs;       // of kColumnRun columns
  int64_t segments;   // of kSegmentRows rows
  int32_t levels;     // of partial results that one segment may hold at a time
  void* partial;      // [segments, outputs], or the outputs' memory where there is one segment
  const float* mean;  // [outputs], or null
};

// acc = the reduction of up to four rows into acc, in order. Rows of accumulators are padded, so they are stored whole.
template <class Op, int kRows>
ANNEAL_INLINE void step_rows(typename Op::S* acc, const typename Op::S* const* rows, int64_t n,
                             [[maybe_unused]] const typename Op::S* m, typename Op::V constant) {
  each_vector(n, [&](int64_t j, int lanes) __attribute__((always_inline)) {
    typename Op::V a = ld(acc + j);
    typename Op::V operand = constant;
    if constexpr (Op::kAroundMean) operand = ld_some(m + j, lanes);
    for (int r = 0; r < kRows; r++) a = Op::step(a, ld_some(rows[r] + j, lanes), operand);
    st(acc + j, a);
  });
}

template <class Op>
ANNEAL_INLINE void combine_rows(typename Op::S* into, const typename Op::S* earlier, const typename Op::S* later,
                                int64_t n) {
  for (int64_t j = 0; j < n; j += kLanes) st(into + j, Op::combine(ld(earlier + j), ld(later + j)));
}

// Rows [first, last) of n columns; the result lands in `level` 0 of the returned pointer.
template <class Op>
static typename Op::S* column_run(const ReduceJob& job, const typename Op::S* in, int64_t first, int64_t last,
                                  int64_t n, const typename Op::S* m, char* scratch) {
  typedef typename Op::S S;
  S value;
  constant_operand(job, value);
  const typename Op::V constant = splat_lanes(value);
  const auto run = [&](int k) { return (S*)(scratch + k * kRunBytes); };
  Cursor at = cursor_at(job.reduced, job.reduced.rank, first);
  const auto next_row = [&]() {
    const S* row = in + at.offset;
    advance(job.reduced, job.reduced.rank, at);
    return row;
  };
  uint64_t count = 0;
  for (int64_t r = first; r < last || count == 0; r += kColumnBlock, count++) {
    const int slot = __builtin_popcountll(count);  // the partial results in use are those of the bits of count
    S* acc = run(slot);
    for (int64_t j = 0; j < n; j += kLanes) st(acc + j, splat_lanes(Op::identity));
    const int64_t end = smallest(last, r + kColumnBlock);
    int64_t i = r;
    for (; i + 4 <= end; i += 4) {
      const S* rows[4];
      for (int k = 0; k < 4; k++) rows[k] = next_row();
      step_rows<Op, 4>(acc, rows, n, m, constant);
    }
    for (; i < end; i++) {
      const S* row = next_row();
      step_rows<Op, 1>(acc, &row, n, m, constant);
    }
    int top = slot;
    for (uint64_t c = count; c & 1; c >>= 1, top--) combine_rows<Op>(run(top - 1), run(top - 1), run(top), n);
  }
  for (int top = __builtin_popcountll(count) - 1; top > 0; top--)
    combine_rows<Op>(run(top - 1), run(top - 1), run(top), n);
  return run(0);
}

template <class S>
static __attribute__((noinline)) void store_columns(const ReduceJob& job, int64_t o, const S* x, int64_t n) {
  for (int64_t j = 0; j < n; j++) store_result(job, o + j, x[j]);
}

template <class Op>
static void column_chunk(void* arg, int64_t chunk, int32_t worker) {
  typedef typename Op::S S;
  const ColumnJob& job = *(const ColumnJob*)arg;
  const ReduceJob& base = job.base;
  const int64_t segment = chunk % job.segments, run = chunk / job.segments % job.runs,
                outer = chunk / (job.segments * job.runs);
  const int64_t j = run * kColumnRun, n = smallest(kColumnRun, job.N - j), o = outer * job.N + j;
  const S* in = (const S*)base.in + cursor_at(base.kept, base.kept.rank - 1, outer).offset + j;
  const int64_t first = segment * kSegmentRows,
                last = job.segments == 1 ? base.R : smallest(base.R, first + kSegmentRows);
  const S* m = job.mean ? (const S*)job.mean + o : nullptr;
  const S* x = column_run<Op>(base, in, first, last, n, m, base.context->scratch(base.context, worker));
  if (job.partial)
    __builtin_memcpy((S*)job.partial + segment * base.outputs + o, x, (size_t)n * sizeof(S));
  else
    store_columns(base, o, x, n);
}

// Partial results of segments combine as a tree over their order: in place, neighbours first.
template <class Op>
static void combine_segments(const ColumnJob& job) {
  typedef typename Op::S S;
  const int64_t n = job.base.outputs;
  S* partial = (S*)job.partial;
  for (int64_t step = 1; step < job.segments; step *= 2)
    for (int64_t s = 0; s + step < job.segments; s += 2 * step)
      each_vector(n, [&](int64_t j, int lanes) __attribute__((always_inline)) {
        S* into = partial + s * n + j;
        st_some(into, Op::combine(ld_some(into, lanes), ld_some(into + step * n, lanes)), lanes);
      });
}

template <class Op>
static __attribute__((noinline)) void column_region(const ColumnJob& job, int passes) {
  const ReduceJob& base = job.base;
  const int64_t chunks = job.segments * job.runs * job.outer;
  const int64_t ns = (int64_t)((float)(base.outputs * base.R * passes) * kReduceCost);
  if (chunks == 1)
    column_chunk<Op>((void*)&job, 0, 0);
  else
    base.context->parallel(base.context, chunks, ns, column_chunk<Op>, (void*)&job);
  if (job.segments > 1) combine_segments<Op>(job);
}

template <class Op>
static void reduce_columns(ColumnJob& job) {
  column_region<Op>(job, 1);
  if (job.partial) store_columns(job.base, 0, (const typename Op::S*)job.partial, job.base.outputs);
}

static void variance_columns(ColumnJob& job) {
  float* mean = (float*)job.base.context->shared_scratch;
  job.partial = mean + job.base.outputs;
  column_region<RealSum>(job, 1);
  for (int64_t o = 0; o < job.base.outputs; o++) mean[o] = ((float*)job.partial)[o] / (float)job.base.R;
  job.mean = mean;
  column_region<RealSquares>(job, 1);
  store_columns(job.base, 0, (const float*)job.partial, job.base.outputs);
}
