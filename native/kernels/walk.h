// The order in which a kernel visits a strided tensor: its dimensions without those of size 1, neighbours that form one
// run merged.
#pragma once
#include "../kernel_table.h"
#include "../simd.h"

namespace anneal::ANNEAL_TARGET {

struct Walk {
  int32_t rank;  // 0: at most one element
  int64_t dims[kMaxRank], strides[kMaxRank];
};

ANNEAL_INLINE int64_t smallest(int64_t a, int64_t b) { return a < b ? a : b; }
ANNEAL_INLINE int64_t largest(int64_t a, int64_t b) { return a > b ? a : b; }
ANNEAL_INLINE int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

ANNEAL_INLINE int64_t elements_of(const TensorArg& t) {
  int64_t n = 1;
  for (int d = 0; d < t.rank; d++) n *= t.dims[d];
  return n;
}

ANNEAL_INLINE void walk_push(Walk& w, int64_t dim, int64_t stride) {
  if (dim == 1) return;
  const int last = w.rank - 1;
  if (last >= 0 && w.strides[last] == stride * dim) {
    w.dims[last] *= dim;
    w.strides[last] = stride;
  } else {
    w.dims[w.rank] = dim;
    w.strides[w.rank++] = stride;
  }
}

static Walk walk_of(const TensorArg& t) {
  Walk w;
  w.rank = 0;
  for (int d = 0; d < t.rank; d++) walk_push(w, t.dims[d], t.strides[d]);
  return w;
}

ANNEAL_INLINE bool is_dense(const Walk& w) { return w.rank == 0 || (w.rank == 1 && w.strides[0] == 1); }

// A position in a walk: the index along each dimension and the offset of that element.
struct Cursor {
  int64_t index[kMaxRank];
  int64_t offset;
};

// Returns the cursor at element `linear` of the row-major order over the first `rank` dimensions.
static __attribute__((noinline)) Cursor cursor_at(const Walk& w, int rank, int64_t linear) {
  Cursor c;
  c.offset = 0;
  for (int d = rank - 1; d >= 0; d--) {
    if (linear == 0) {  // the usual start, and the only one where a dimension is 0
      c.index[d] = 0;
      continue;
    }
    c.index[d] = linear % w.dims[d];
    linear /= w.dims[d];
    c.offset += c.index[d] * w.strides[d];
  }
  return c;
}

// Moves a cursor to the next element of the first `rank` dimensions; from the last one back to the first.
ANNEAL_INLINE void advance(const Walk& w, int rank, Cursor& c) {
  for (int d = rank - 1; d >= 0; d--) {
    c.offset += w.strides[d];
    if (++c.index[d] < w.dims[d]) return;
    c.offset -= w.dims[d] * w.strides[d];
    c.index[d] = 0;
  }
}

// Prefetches a cache line that is needed soon. Loops that do little to an element need no help: the processor looks far
// enough ahead by itself.
ANNEAL_INLINE void prefetch(const void* p) { __builtin_prefetch(p); }

// Stores past the caches, until stream_fence, where the target can: for what is too large to be found there by those
// who read it next.
static void stream_run(float* to, const float* from, int64_t n) {
  int64_t i = 0;
#if defined(__SSE2__)
  for (; i < n && (uintptr_t)(to + i) % sizeof(vf) != 0; i++) to[i] = from[i];
  for (; i + kLanes <= n; i += kLanes) st_stream(to + i, ld(from + i));
#endif
  __builtin_memcpy(to + i, from + i, (size_t)(n - i) * 4);
}

// ---- elements into a dense run of 4-byte lanes, bytes widened ---------------------------------------------------
template <class T>
ANNEAL_INLINE void load_run(int32_t* to, const T* from, int64_t stride, int64_t n) {
  int64_t i = 0;
  if (stride == 1) {
    for (; i + kLanes <= n; i += kLanes) st(to + i, ld(from + i));
    for (; i < n; i++) to[i] = from[i];
  } else if (stride == 0) {
    const vi x = splat(int32_t(from[0]));
    for (; i + kLanes <= n; i += kLanes) st(to + i, x);
    for (; i < n; i++) to[i] = from[0];
  } else {
    for (; i < n; i++) to[i] = from[i * stride];
  }
}

typedef int32_t lane32 __attribute__((may_alias));  // the bits of a float32 or int32

template <class T>
static void load_walk(lane32* to, const T* from, const Walk& w, int64_t start, int64_t n) {
  if (n == 0) return;
  if (w.rank == 0) {
    to[0] = from[0];
    return;
  }
  const int inner = w.rank - 1;
  const int64_t length = w.dims[inner], stride = w.strides[inner];
  Cursor c = cursor_at(w, inner, start / length);
  int64_t first = start % length;
  while (n > 0) {
    const int64_t run = smallest(length - first, n);
    load_run((int32_t*)to, from + c.offset + first * stride, stride, run);
    to += run;
    n -= run;
    first = 0;
    advance(w, inner, c);
  }
}

// Elements [start, start + n) of the walk's row-major order.
static void load_elements(lane32* to, const void* data, DType dtype, const Walk& w, int64_t start, int64_t n) {
  if (size_of(dtype) == 1)
    load_walk(to, (const uint8_t*)data, w, start, n);
  else
    load_walk(to, (const lane32*)data, w, start, n);
}

// ---- transposes -----------------------------------------------------------------------------------------------------
constexpr int64_t kSquare = 16;       // a cache line of float32: each line of the input is read once, whole
constexpr int64_t kSquareStrip = 64;  // rows of output for which a page of the input stays in use

// to[y * to_stride + x] = from[y + x * from_stride] for a square, by way of a buffer in which lines don't contend for
// cache sets.
template <class T>
ANNEAL_INLINE void transpose_square(T* to, int64_t to_stride, const T* from, int64_t from_stride, int64_t height,
                                    int64_t width) {
  T line[kSquare][kSquare + 1];
  if (height == kSquare)
    for (int64_t x = 0; x < width; x++) __builtin_memcpy(line[x], from + x * from_stride, kSquare * sizeof(T));
  else
    for (int64_t x = 0; x < width; x++) __builtin_memcpy(line[x], from + x * from_stride, (size_t)height * sizeof(T));
  for (int64_t y = 0; y < height; y++) {
    if (width == kSquare)
      for (int64_t x = 0; x < kSquare; x++) to[y * to_stride + x] = line[x][y];
    else
      for (int64_t x = 0; x < width; x++) to[y * to_stride + x] = line[x][y];
  }
}

template <class T>
static void transpose_rows(T* to, int64_t to_stride, const T* from, int64_t from_stride, int64_t height,
                           int64_t width) {
  for (int64_t strip = 0; strip < height; strip += kSquareStrip)
    for (int64_t x = 0; x < width; x += kSquare)
      for (int64_t y = strip; y < smallest(height, strip + kSquareStrip); y += kSquare)
        transpose_square(to + y * to_stride + x, to_stride, from + y + x * from_stride, from_stride,
                         smallest(kSquare, height - y), smallest(kSquare, width - x));
}

// Returns whether the walk is a stack of transposed matrices. Their rows, in the order of the walk, are the columns of
// memory.
ANNEAL_INLINE bool is_transposed(const Walk& w) {
  return w.rank >= 2 && w.strides[w.rank - 2] == 1 && w.strides[w.rank - 1] != 0 && w.dims[w.rank - 2] > 1;
}

// load_elements for such a walk: whole rows of one matrix at a time, the ends as usual.
static void load_transposed(lane32* to, const lane32* from, const Walk& w, int64_t start, int64_t n) {
  const int64_t width = w.dims[w.rank - 1], height = w.dims[w.rank - 2], end = start + n;
  for (int64_t i = start; i < end;) {
    const int64_t row = i / width, y = row % height;
    if (i % width || end - i < 2 * width) {  // up to the next row, or the rest
      const int64_t some = smallest(end - i, width - i % width);
      load_walk(to + (i - start), from, w, i, some);
      i += some;
      continue;
    }
    const int64_t rows = smallest((end - i) / width, height - y);
    transpose_rows(to + (i - start), width, from + cursor_at(w, w.rank - 1, row).offset, w.strides[w.rank - 1], rows,
                   width);
    i += rows * width;
  }
}

// ---- runs that end within a vector --------------------------------------------------------------------------------
ANNEAL_INLINE vf ld_some(const float* p, int lanes) { return lanes == kLanes ? ld(p) : ld_part(p, lanes); }
ANNEAL_INLINE vi ld_some(const int32_t* p, int lanes) { return lanes == kLanes ? ld(p) : ld_part(p, lanes); }
ANNEAL_INLINE vi ld_some(const uint8_t* p, int lanes) { return lanes == kLanes ? ld(p) : ld_part(p, lanes); }
template <class S, class V>
ANNEAL_INLINE void st_some(S* p, V x, int lanes) {
  if (lanes == kLanes)
    st(p, x);
  else
    st_part(p, x, lanes);
}
ANNEAL_INLINE vf keep_lanes(vf x, int lanes, vf otherwise) {
  return lanes == kLanes ? x : select(iota() < splat(int32_t(lanes)), x, otherwise);
}

// Calls f(i, lanes) for the vectors of [0, n).
template <class F>
ANNEAL_INLINE void each_vector(int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) f(i, kLanes);
  if (i < n) f(i, (int)(n - i));
}

// For rows that need none.
#define ANNEAL_NO_SCRATCH(name)                           \
  static size_t name##_scratch(const Call&) { return 0; } \
  static size_t name##_shared(const Call&) { return 0; }

}  // namespace anneal::ANNEAL_TARGET
