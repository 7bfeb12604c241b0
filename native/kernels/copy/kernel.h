// copy: one strided tensor into another. fill: one value into a strided tensor.
#pragma once
#include "../walk.h"

namespace anneal::ANNEAL_TARGET {

// The dimensions of two tensors of one shape, merged where they are one run in both; the output's innermost run comes
// last.
struct CopyJob {
  const char* from;
  char* to;
  int64_t bytes, elements;
  int32_t rank;
  int64_t dims[kMaxRank], in[kMaxRank], out[kMaxRank];
  int64_t per_chunk;  // rows (all dimensions but the last one, or the last two where they are a transpose)
  bool transpose;     // the input's dense run is along the last dimension but one
};

static void copy_push(CopyJob& job, int64_t dim, int64_t in, int64_t out) {
  if (dim == 1) return;
  const int last = job.rank - 1;
  if (last >= 0 && job.in[last] == in * dim && job.out[last] == out * dim) {
    job.dims[last] *= dim;
  } else {
    job.dims[++job.rank - 1] = dim;
  }
  job.in[job.rank - 1] = in;
  job.out[job.rank - 1] = out;
}

static CopyJob copy_job(const TensorArg& to, const void* from, const int64_t* strides) {
  CopyJob job;
  job.from = (const char*)from;
  job.to = (char*)to.data;
  job.bytes = size_of(to.dtype);
  job.elements = elements_of(to);
  job.rank = 0;
  for (int d = 0; d < to.rank; d++) copy_push(job, to.dims[d], strides ? strides[d] : 0, to.strides[d]);
  if (job.rank == 0) {
    job.dims[job.rank] = 1;
    job.in[job.rank] = job.out[job.rank] = 1;
    job.rank = 1;
  }
  const int last = job.rank - 1;
  job.transpose = last > 0 && job.in[last] != 1 && job.in[last] != 0 && job.in[last - 1] == 1;
  return job;
}

template <class T>
ANNEAL_INLINE void copy_run_of(T* to, int64_t out, const T* from, int64_t in, int64_t n) {
  if (out == 1 && in == 1)
    __builtin_memcpy(to, from, (size_t)n * sizeof(T));
  else if (out == 1 && in == 0)
    for (const T x = *from; n-- > 0;) *to++ = x;
  else
    for (int64_t i = 0; i < n; i++) to[i * out] = from[i * in];
}

template <class T>
static void transpose_plane(const CopyJob& job, T* to, const T* from, int64_t first, int64_t rows) {
  const int c = job.rank - 1, r = job.rank - 2;
  if (job.out[c] == 1)
    return transpose_rows(to + first * job.out[r], job.out[r], from + first, job.in[c], rows, job.dims[c]);
  for (int64_t i = first; i < first + rows; i++)
    copy_run_of(to + i * job.out[r], job.out[c], from + i, job.in[c], job.dims[c]);
}

// Rows [first, first + rows) of the dimensions before the last.
template <class T>
static void copy_rows(const CopyJob& job, int64_t first, int64_t rows) {
  const int last = job.rank - 1;
  while (rows > 0) {
    int64_t in = 0, out = 0, rest = first;
    const int64_t height = last > 0 ? job.dims[last - 1] : 1, y = first % height, take = smallest(rows, height - y);
    rest /= height;
    for (int d = last - 2; d >= 0; d--) {
      in += rest % job.dims[d] * job.in[d];
      out += rest % job.dims[d] * job.out[d];
      rest /= job.dims[d];
    }
    const T* from = (const T*)job.from + in;
    T* to = (T*)job.to + out;
    if (job.transpose)
      transpose_plane(job, to, from, y, take);
    else if (last == 0)
      copy_run_of(to, job.out[0], from, job.in[0], job.dims[0]);
    else
      for (int64_t i = y; i < y + take; i++)
        copy_run_of(to + i * job.out[last - 1], job.out[last], from + i * job.in[last - 1], job.in[last],
                    job.dims[last]);
    first += take;
    rows -= take;
  }
}

static void copy_chunk(void* arg, int64_t chunk, int32_t) {
  const CopyJob& job = *(const CopyJob*)arg;
  const int64_t first = chunk * job.per_chunk,
                rows = smallest(job.per_chunk, job.elements / job.dims[job.rank - 1] - first);
  typedef uint32_t word __attribute__((may_alias));
  typedef uint64_t long_word __attribute__((may_alias));
  if (job.bytes == 4)
    copy_rows<word>(job, first, rows);
  else if (job.bytes == 1)
    copy_rows<uint8_t>(job, first, rows);
  else
    copy_rows<long_word>(job, first, rows);
}

constexpr int64_t kCopyChunk = 32768;     // elements
constexpr float kCopiedByteCost = 0.05f;  // rough ns

static void run_copy(CopyJob& job, Context& context) {
  if (job.elements == 0) return;
  if (job.rank == 1 && job.dims[0] > kCopyChunk) {  // one long run: cut it into rows, the last of which may be shorter
    const int64_t whole = job.dims[0] / kCopyChunk, left = job.dims[0] % kCopyChunk;
    CopyJob tail = job;
    tail.dims[0] = tail.elements = left;
    tail.from += whole * kCopyChunk * job.in[0] * job.bytes;
    tail.to += whole * kCopyChunk * job.out[0] * job.bytes;
    job.rank = 2;
    job.dims[0] = whole;
    job.dims[1] = kCopyChunk;
    job.elements = whole * kCopyChunk;
    job.in[1] = job.in[0];
    job.out[1] = job.out[0];
    job.in[0] *= kCopyChunk;
    job.out[0] *= kCopyChunk;
    if (left) run_copy(tail, context);
  }
  const int64_t row = job.dims[job.rank - 1], rows = job.elements / row;
  job.per_chunk = largest(job.transpose ? kSquare : 1, kCopyChunk / row);
  const int64_t chunks = divide_up(rows, job.per_chunk);
  if (chunks == 1) return copy_chunk(&job, 0, 0);
  context.parallel(&context, chunks, (int64_t)((float)(job.elements * job.bytes * 2) * kCopiedByteCost), copy_chunk,
                   &job);
}

static void copy_run(const Call& call, Context& context) {
  CopyJob job = copy_job(call.out[0], call.in[0].data, call.in[0].strides);
  run_copy(job, context);
}

static void fill_run(const Call& call, Context& context) {
  CopyJob job = copy_job(call.out[0], call.in[0].data, nullptr);
  run_copy(job, context);
}

ANNEAL_NO_SCRATCH(copy)
ANNEAL_NO_SCRATCH(fill)

}  // namespace anneal::ANNEAL_TARGET
