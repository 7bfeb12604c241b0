// Tensors of any sizes as one line of elements, in order, that is cut into chunks of nearly equal size across tensors.
// Where the cuts are depends on shapes only. Chunk c and the part of tensor t in it have c + t in common with no other
// pair, as from one part to the next at least one of them goes on: the number of a part's own place in an array.
constexpr int64_t kLineGrain = 16;  // a chunk starts at a multiple of this many elements of a tensor: a cache line

struct LinePlace {
  int64_t tensor, element;
};

struct TensorLine {
  const TensorArg* first;
  int64_t step, tensors;     // how far it is from one tensor to the next among the operands
  int64_t elements, chunks;  // of all
};

ANNEAL_INLINE const TensorArg& tensor_at(const TensorLine& line, int64_t t) { return line.first[t * line.step]; }

static TensorLine tensor_line(const TensorArg* first, int64_t step, int64_t tensors, int64_t chunk, int64_t most) {
  TensorLine line = {first, step, tensors, 0, 1};
  for (int64_t t = 0; t < tensors; t++) line.elements += elements_of(tensor_at(line, t));
  line.chunks = smallest(most, largest(1, line.elements / chunk));
  return line;
}

// Where each chunk starts, and the end; and in which order threads take them.
struct LineCut {
  LinePlace* starts;
  int64_t* order;
};

static size_t cut_bytes(const TensorLine& line) {
  return (size_t)(line.chunks + 1) * sizeof(LinePlace) + (size_t)line.chunks * sizeof(int64_t);
}

// Two threads take chunks from the two ends, and products cut matrices into an upper and a lower half for them. So
// first come the upper halves of large tensors, then the lower ones: each thread finds in its own caches what it left
// there, which is worth most where the caches of two CPUs are far from each other.
static void order_chunks(const TensorLine& line, LineCut& cut) {
  const int64_t size = line.elements / line.chunks;
  const auto is_lower = [&](int64_t c) {
    const LinePlace start = cut.starts[c];
    const int64_t n = elements_of(tensor_at(line, start.tensor));
    return n < 2 * size ? 2 * c >= line.chunks : 2 * start.element + size > n;
  };
  int64_t unit = 0;
  for (int half = 0; half < 2; half++)
    for (int64_t c = 0; c < line.chunks; c++)
      if (is_lower(c) == half) cut.order[unit++] = c;
}

static LineCut cut_line(const TensorLine& line, char* scratch) {
  LinePlace* starts = (LinePlace*)scratch;
  LineCut cut = {starts, (int64_t*)(starts + line.chunks + 1)};
  int64_t before = 0, t = 0;  // elements of the tensors before t
  for (int64_t c = 0; c < line.chunks; c++) {
    const int64_t wanted = line.elements * c / line.chunks;
    int64_t n;
    while (n = elements_of(tensor_at(line, t)), before + n <= wanted && t + 1 < line.tensors) before += n, t++;
    starts[c] = {t, (wanted - before) / kLineGrain * kLineGrain};
  }
  starts[line.chunks] = {line.tensors, 0};
  order_chunks(line, cut);
  return cut;
}

// Calls body(t, first, last) for each tensor's part, elements [first, last), of a chunk.
template <class Body>
ANNEAL_INLINE void each_part(const TensorLine& line, const LineCut& cut, int64_t chunk, Body body) {
  const LinePlace start = cut.starts[chunk], end = cut.starts[chunk + 1];
  for (int64_t t = start.tensor; t <= end.tensor; t++) {
    if (t == end.tensor && end.element == 0) return;
    body(t, t == start.tensor ? start.element : 0, t == end.tensor ? end.element : elements_of(tensor_at(line, t)));
  }
}
