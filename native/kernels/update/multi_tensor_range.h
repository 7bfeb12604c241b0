// Tensors of any sizes as one range of elements, in order, partitioned into chunks of nearly equal size across tensors.
// The partition depends on shapes only. A span is the part of one tensor in one chunk. Chunk c and tensor t have c + t
// in common with no other span's, as from one span to the next at least one of them goes on: the index of a span in an
// array.
#pragma once
#include "../walk.h"

namespace anneal::ANNEAL_TARGET {

constexpr int64_t kPartitionGrain = 16;  // a chunk starts at a multiple of this many elements of a tensor: a cache line

struct TensorPosition {
  int64_t tensor, element;
};

struct MultiTensorRange {
  const TensorArg* first;
  int64_t step, tensors;     // step: from one tensor to the next among the operands
  int64_t elements, chunks;  // of all
};

ANNEAL_INLINE const TensorArg& tensor_at(const MultiTensorRange& range, int64_t t) {
  return range.first[t * range.step];
}

static MultiTensorRange multi_tensor_range(const TensorArg* first, int64_t step, int64_t tensors, int64_t chunk,
                                           int64_t most) {
  MultiTensorRange range = {first, step, tensors, 0, 1};
  for (int64_t t = 0; t < tensors; t++) range.elements += elements_of(tensor_at(range, t));
  range.chunks = smallest(most, largest(1, range.elements / chunk));
  return range;
}

// The start of each chunk, and the end; and the order in which threads take them.
struct Partition {
  TensorPosition* starts;
  int64_t* order;
};

static size_t partition_bytes(const MultiTensorRange& range) {
  return (size_t)(range.chunks + 1) * sizeof(TensorPosition) + (size_t)range.chunks * sizeof(int64_t);
}

// Two threads take chunks from the two ends, and products cut matrices into an upper and a lower half for them. So
// first come the upper halves of large tensors, then the lower ones: each thread finds in its own caches what it left
// there, which is worth most where the caches of two CPUs are far from each other.
static void order_chunks(const MultiTensorRange& range, Partition& partition) {
  const int64_t size = range.elements / range.chunks;
  const auto is_lower = [&](int64_t c) {
    const TensorPosition start = partition.starts[c];
    const int64_t n = elements_of(tensor_at(range, start.tensor));
    return n < 2 * size ? 2 * c >= range.chunks : 2 * start.element + size > n;
  };
  int64_t unit = 0;
  for (int half = 0; half < 2; half++)
    for (int64_t c = 0; c < range.chunks; c++)
      if (is_lower(c) == half) partition.order[unit++] = c;
}

static Partition partition_of(const MultiTensorRange& range, char* scratch) {
  TensorPosition* starts = (TensorPosition*)scratch;
  Partition partition = {starts, (int64_t*)(starts + range.chunks + 1)};
  int64_t before = 0, t = 0;  // elements of the tensors before t
  for (int64_t c = 0; c < range.chunks; c++) {
    const int64_t wanted = range.elements * c / range.chunks;
    int64_t n;
    while (n = elements_of(tensor_at(range, t)), before + n <= wanted && t + 1 < range.tensors) before += n, t++;
    starts[c] = {t, (wanted - before) / kPartitionGrain * kPartitionGrain};
  }
  starts[range.chunks] = {range.tensors, 0};
  order_chunks(range, partition);
  return partition;
}

// Calls body(t, first, last) for each span of a chunk: elements [first, last) of tensor t.
template <class Body>
ANNEAL_INLINE void each_span(const MultiTensorRange& range, const Partition& partition, int64_t chunk, Body body) {
  const TensorPosition start = partition.starts[chunk], end = partition.starts[chunk + 1];
  for (int64_t t = start.tensor; t <= end.tensor; t++) {
    if (t == end.tensor && end.element == 0) return;
    body(t, t == start.tensor ? start.element : 0, t == end.tensor ? end.element : elements_of(tensor_at(range, t)));
  }
}

}  // namespace anneal::ANNEAL_TARGET
