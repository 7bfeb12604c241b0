// Reductions along the innermost run of memory: each output's elements, in blocks of kReduceBlock that combine
// pairwise. What is not one dense run of 4-byte lanes is copied into scratch block by block.

struct ReduceJob {
  Context* context;
  const void* in;
  DType dtype;
  Walk kept, reduced;
  int64_t outputs, R;  // R elements make one output
  int64_t blocks;      // of one output, at least 1 (which may be empty)
  bool in_place;
  void* out;
  DType out_dtype;
  uint32_t kind;
  float correction;  // of the variance
  int64_t outputs_per_chunk;
  int64_t blocks_per_segment, segments;  // of one output, where outputs are too few to share out
};

// The scale of the mean and the variance; NaN or infinity where nothing is left to divide by, as in PyTorch.
ANNEAL_INLINE float divisor(const ReduceJob& job) {
  const double n = (double)job.R - (job.kind == kReduceVar ? (double)job.correction : 0);
  return n > 0 ? (float)n : 0;
}

ANNEAL_INLINE void store_result(const ReduceJob& job, int64_t o, float x) {
  ((float*)job.out)[o] = job.kind == kReduceMean || job.kind == kReduceVar ? x / divisor(job) : x;
}
ANNEAL_INLINE void store_result(const ReduceJob& job, int64_t o, int32_t x) {
  if (job.out_dtype == DType::i32)
    ((int32_t*)job.out)[o] = x;
  else
    ((uint8_t*)job.out)[o] = (uint8_t)x;
}

// Elements [first, first + n) of the reduced axes for the output at `offset`, in place or in scratch.
template <class S>
ANNEAL_INLINE const S* block_of(const ReduceJob& job, int64_t offset, int64_t first, int64_t n, char* scratch) {
  if (job.in_place) return (const S*)job.in + offset + first;
  const char* base = (const char*)job.in + offset * size_of(job.dtype);
  load_elements((lane32*)scratch, base, job.dtype, job.reduced, first, n);
  return (const S*)scratch;
}

template <class Op, class S>
static S reduce_blocks(const ReduceJob& job, int64_t offset, int64_t first, int64_t last, S m, char* scratch) {
  Pairwise<Op, S> partial;
  partial.count = 0;
  for (int64_t b = first; b < last; b++) {
    const int64_t at = b * kReduceBlock, n = smallest(kReduceBlock, job.R - at);
    const S x = reduce_block<Op>(block_of<S>(job, offset, at, n, scratch), n, m);
    if (last - first == 1) return x;
    pairwise_push(partial, x);
  }
  return pairwise_result(partial);
}

// The largest (or smallest) value of a block and the first index where it stands; NaN counts as the largest and the
// smallest.
template <class S>
struct ValueIndex {
  S value;
  int32_t index;
};

template <class Extreme>
struct Arg {  // of two the first wins a tie
  typedef ValueIndex<typename Extreme::S> S;
  ANNEAL_INLINE S combine(S a, S b) {
    if (a.value != a.value) return a;
    if (b.value != b.value) return b;
    return a.value == b.value || Extreme::combine(a.value, b.value) == a.value ? a : b;
  }
};

// Each lane keeps the best of its elements and its index; the lanes' best, at the least of their indices, is the
// block's.
constexpr int kArgFold = 2;

template <class Extreme>
static ValueIndex<typename Extreme::S> arg_block(const typename Extreme::S* x, int64_t n, int64_t first) {
  typedef typename Extreme::V V;
  if (n == 0) return {Extreme::identity, (int32_t)first};
  V best[kArgFold][kParts];
  vi indices[kArgFold][kParts], at = iota();
  for (int u = 0; u < kArgFold; u++)
    for (int p = 0; p < kParts; p++) best[u][p] = splat_lanes(x[0]), indices[u][p] = vi{};
  const auto see = [&](int u, int p, V v, vi inside) __attribute__((always_inline)) {
    const vi better = Extreme::beaten(best[u][p], v) & inside;
    best[u][p] = select(better, v, best[u][p]);
    indices[u][p] = select(better, at, indices[u][p]);
    at += splat(int32_t(kLanes));
  };
  int64_t i = 0;
  for (; i + 16 * kArgFold <= n; i += 16 * kArgFold)
    for (int u = 0; u < kArgFold; u++)
      for (int p = 0; p < kParts; p++) see(u, p, ld(x + i + 16 * u + kLanes * p), splat(int32_t(-1)));
  for (; i < n; i += kLanes) {
    const int lanes = (int)smallest(kLanes, n - i);
    see(0, 0, ld_some(x + i, lanes), iota() < splat(int32_t(lanes)));
  }
  V most[kParts];
  for (int p = 0; p < kParts; p++) most[p] = Extreme::combine(best[0][p], best[1][p]);
  const typename Extreme::S value = fold_lanes<Extreme>(most);
  const V wanted = splat_lanes(value);
  const bool nan = value != value;
  vi least = splat(int32_t(2147483647));
  for (int u = 0; u < kArgFold; u++)
    for (int p = 0; p < kParts; p++) {
      const V v = best[u][p];
      least = vmin(least, select(nan ? v != v : v == wanted, indices[u][p], least));
    }
  int32_t lane[kLanes], index = 2147483647;
  st(lane, least);
  for (int l = 0; l < kLanes; l++) index = lane[l] < index ? lane[l] : index;
  return {value, (int32_t)first + index};
}

template <class Extreme, class S>
static ValueIndex<S> arg_blocks(const ReduceJob& job, int64_t offset, int64_t first, int64_t last, char* scratch) {
  Pairwise<Arg<Extreme>, ValueIndex<S>> partial;
  partial.count = 0;
  for (int64_t b = first; b < last; b++) {
    const int64_t at = b * kReduceBlock, n = smallest(kReduceBlock, job.R - at);
    pairwise_push(partial, arg_block<Extreme>(block_of<S>(job, offset, at, n, scratch), n, at));
  }
  return pairwise_result(partial);
}

// The mean of n elements and the sum of their squared distances from it. Blocks have theirs in two passes over the
// cache, so that memory is read once; they combine as in Chan, Golub and LeVeque, "Algorithms for computing the sample
// variance", 1983. Means are distances from the first element, so that values far from zero keep their digits.
struct Moments {
  float n, mean, squares;
};

struct MomentsTree {
  ANNEAL_INLINE Moments combine(Moments a, Moments b) {
    const float n = a.n + b.n, share = b.n / n, apart = b.mean - a.mean;
    return {n, a.mean + apart * share, a.squares + b.squares + apart * apart * (a.n * share)};
  }
};

// So few that memory does not idle during the second pass: 512 to 2048 measured alike, 4096 took half as long again.
constexpr int64_t kMomentsBlock = 1024;
constexpr int64_t kMomentsBlocks = kReduceBlock / kMomentsBlock;  // a power of two

static Moments moments_of(const ReduceJob& job, int64_t offset, int64_t first, int64_t last, char* scratch) {
  Pairwise<MomentsTree, Moments> partial;
  partial.count = 0;
  const float origin = job.R ? *block_of<float>(job, offset, 0, 1, scratch) : 0;
  const int64_t end = smallest(last * kMomentsBlocks, largest(1, divide_up(job.R, kMomentsBlock)));
  for (int64_t b = first * kMomentsBlocks; b < end; b++) {
    const int64_t at = b * kMomentsBlock, n = smallest(kMomentsBlock, job.R - at);
    const float* x = block_of<float>(job, offset, at, n, scratch);
    const float mean = reduce_block<RealDistances>(x, n, origin) / (float)n;
    pairwise_push(partial, Moments{(float)n, mean, reduce_block<RealSquares>(x, n, origin + mean)});
  }
  return pairwise_result(partial);
}

// Operand m of step: for `any` and `all` the mask of bits that count.
ANNEAL_INLINE void constant_operand(const ReduceJob&, float& m) { m = 0; }
ANNEAL_INLINE void constant_operand(const ReduceJob& job, int32_t& m) { m = job.dtype == DType::f32 ? 0x7FFFFFFF : -1; }
template <class S>
ANNEAL_INLINE void constant_operand(const ReduceJob&, S& m) {
  m = {};
}

// Policies that make one output from blocks [first, last) of its elements, one per family of kinds.
template <class Op>
struct ByValue {
  static constexpr bool kMeansFirst = false;
  typedef typename Op::S S;
  typedef Op Tree;
  ANNEAL_INLINE S part(const ReduceJob& job, int64_t offset, int64_t first, int64_t last, S m, char* scratch) {
    return reduce_blocks<Op, S>(job, offset, first, last, m, scratch);
  }
  ANNEAL_INLINE void store(const ReduceJob& job, int64_t o, S x) { store_result(job, o, x); }
};
template <class Extreme>
struct ByIndex {
  static constexpr bool kMeansFirst = false;
  typedef ValueIndex<typename Extreme::S> S;
  typedef Arg<Extreme> Tree;
  ANNEAL_INLINE S part(const ReduceJob& job, int64_t offset, int64_t first, int64_t last, S, char* scratch) {
    return arg_blocks<Extreme, typename Extreme::S>(job, offset, first, last, scratch);
  }
  ANNEAL_INLINE void store(const ReduceJob& job, int64_t o, S x) { store_result(job, o, x.index); }
};

struct ByMoments {
  static constexpr bool kMeansFirst = true;
  typedef Moments S;
  typedef MomentsTree Tree;
  ANNEAL_INLINE S part(const ReduceJob& job, int64_t offset, int64_t first, int64_t last, S, char* scratch) {
    return moments_of(job, offset, first, last, scratch);
  }
  ANNEAL_INLINE void store(const ReduceJob& job, int64_t o, S x) { store_result(job, o, x.squares); }
};

template <class By>
static void reduce_outputs(void* arg, int64_t chunk, int32_t worker) {
  const ReduceJob& job = *(const ReduceJob*)arg;
  char* scratch = job.in_place ? nullptr : job.context->scratch(job.context, worker);
  const int64_t first = chunk * job.outputs_per_chunk, last = smallest(job.outputs, first + job.outputs_per_chunk);
  typename By::S m;
  constant_operand(job, m);
  Cursor at = cursor_at(job.kept, job.kept.rank, first);
  for (int64_t o = first; o < last; o++) {
    By::store(job, o, By::part(job, at.offset, 0, job.blocks, m, scratch));
    advance(job.kept, job.kept.rank, at);
  }
}

// Variances of rows of at most one block, in place: some means first, then the squares around them, so that a row need
// not wait for its own mean (65,536 rows of 256 take 0.79 of the time).
static void variances_of_rows(void* arg, int64_t chunk, int32_t) {
  const ReduceJob& job = *(const ReduceJob*)arg;
  constexpr int64_t kMost = 16;
  const int64_t rows_per_block = smallest(kMost, 2 * kMomentsBlock / job.R);
  const int64_t first = chunk * job.outputs_per_chunk, last = smallest(job.outputs, first + job.outputs_per_chunk);
  Cursor at = cursor_at(job.kept, job.kept.rank, first);
  for (int64_t o = first; o < last; o += rows_per_block) {
    const int64_t rows = smallest(rows_per_block, last - o);
    const float* x[kMost];
    float mean[kMost];
    for (int64_t i = 0; i < rows; i++) {
      x[i] = (const float*)job.in + at.offset;
      mean[i] = *x[i] + reduce_block<RealDistances>(x[i], job.R, *x[i]) / (float)job.R;
      advance(job.kept, job.kept.rank, at);
    }
    for (int64_t i = 0; i < rows; i++) store_result(job, o + i, reduce_block<RealSquares>(x[i], job.R, mean[i]));
  }
}

// ---- few outputs of many elements: segments of each output are shared out, their results combined here
// ----------------
template <class By>
struct SegmentJob {
  const ReduceJob* job;
  typename By::S* partial;  // [outputs, segments]
};

template <class By>
static void reduce_segment(void* arg, int64_t chunk, int32_t worker) {
  const SegmentJob<By>& s = *(const SegmentJob<By>*)arg;
  const ReduceJob& job = *s.job;
  const int64_t o = chunk / job.segments, first = chunk % job.segments * job.blocks_per_segment;
  const int64_t last = smallest(job.blocks, first + job.blocks_per_segment);
  char* scratch = job.in_place ? nullptr : job.context->scratch(job.context, worker);
  typename By::S m;
  constant_operand(job, m);
  s.partial[chunk] = By::part(job, cursor_at(job.kept, job.kept.rank, o).offset, first, last, m, scratch);
}

constexpr float kReduceCost = 0.1f;  // rough ns per element

// Leaves the result of output o in partial[o * segments].
template <class By>
static __attribute__((noinline)) void reduce_in_segments(const ReduceJob& job, typename By::S* partial) {
  SegmentJob<By> s = {&job, partial};
  const int64_t ns = (int64_t)((float)(job.outputs * job.R) * kReduceCost);
  job.context->parallel(job.context, job.outputs * job.segments, ns, reduce_segment<By>, &s);
  for (int64_t o = 0; o < job.outputs; o++) {
    Pairwise<typename By::Tree, typename By::S> tree;
    tree.count = 0;
    for (int64_t i = 0; i < job.segments; i++) pairwise_push(tree, partial[o * job.segments + i]);
    partial[o * job.segments] = pairwise_result(tree);
  }
}

template <class By>
static void reduce_rows(const ReduceJob& job) {
  if (job.segments > 1) {
    typename By::S* partial = (typename By::S*)job.context->shared_scratch;
    reduce_in_segments<By>(job, partial);
    for (int64_t o = 0; o < job.outputs; o++) By::store(job, o, partial[o * job.segments]);
    return;
  }
  const int64_t ns = (int64_t)((float)(job.outputs * (job.R + 32)) * kReduceCost),
                chunks = divide_up(job.outputs, job.outputs_per_chunk);
  void (*body)(void*, int64_t, int32_t) = reduce_outputs<By>;
  if constexpr (By::kMeansFirst)
    if (job.in_place && job.R > 0 && job.R <= kMomentsBlock) body = variances_of_rows;
  if (chunks == 1) return body((void*)&job, 0, 0);
  job.context->parallel(job.context, chunks, ns, body, (void*)&job);
}
