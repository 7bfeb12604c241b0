#include "verify.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <string>
#include <tuple>

#include "error.h"
#include "kernels/update/update_call.h"

namespace anneal {

const RowInfo kRowInfo[kRows] = {
#define MANY kMany
#define OPT(n) optional_up_to(n)
#define INPLACE kInplace
#define UPDATE kUpdate
#define ANNEAL_OP(name, outputs, inputs, attrs, flags) {#name, outputs, inputs, attrs, flags},
#include "ops.def"
#undef ANNEAL_OP
#undef MANY
#undef OPT
#undef INPLACE
#undef UPDATE
};

int64_t elements_of(const TensorArg& t) {
  int64_t n = 1;
  for (int i = 0; i < t.rank; i++) n *= t.dims[i];
  return n;
}

bool is_dense(const TensorArg& t) {
  if (elements_of(t) == 0) return true;
  int64_t stride = 1;
  for (int i = t.rank - 1; i >= 0; i--) {
    if (t.dims[i] != 1 && t.strides[i] != stride) return false;
    stride *= t.dims[i];
  }
  return true;
}

namespace {

[[noreturn, gnu::format(printf, 1, 2)]] void reject(const char* format, ...) {
  char text[256];
  va_list args;
  va_start(args, format);
  std::vsnprintf(text, sizeof text, format, args);
  va_end(args);
  throw Error(Code::internal, std::string("verify: ") + text);
}

uint64_t wide(const uint32_t* words) { return uint64_t{words[1]} << 32 | words[0]; }

// Target of present arguments before the first run: never read, only distinguished from null by scratch functions.
alignas(64) char kUnbound[64];

// A tensor as the words describe it, and the bytes of its buffer that it touches: [first, last).
struct Tensor {
  uint32_t buffer;
  TensorArg arg;
  int64_t first, last;
};

class Verifier {
 public:
  Verifier(const uint32_t* words, size_t count, VerifyOptions options, Program& program)
      : words_(words), count_(count), options_(options), program_(program) {}

  void run() {
    header();
    buffers();
    tensors();
    instructions();
    relocate();
  }

 private:
  void header();
  void buffers();
  void buffer(uint32_t number, const uint32_t* w);
  void bind_space(uint32_t number, const Buffer& b);
  void tensors();
  Tensor tensor(uint32_t number, const uint32_t* w);
  void instructions();
  void instruction(uint32_t number, const uint32_t* w);
  void operand_counts(uint32_t number, const RowInfo& row, const uint32_t* w);
  void operands(uint32_t number, const RowInfo& row, const uint32_t* list, uint32_t given, int32_t wanted);
  void predicate(uint32_t number, uint32_t tensor);
  void overlaps(uint32_t number, const Instruction& i, const Call& call);
  void write(uint32_t number, const RowInfo& row, uint32_t output);
  void updates(uint32_t number, const RowInfo& row, const Instruction& i, const Call& call);
  bool overlap(uint32_t a, uint32_t b) const;
  bool identical(uint32_t a, uint32_t b) const;
  void relocate();

  const uint32_t* take(uint64_t words) {
    if (words > count_ - at_) reject("truncated at word %zu of %zu", at_, count_);
    at_ += static_cast<size_t>(words);
    return words_ + at_ - words;
  }

  const uint32_t* words_;
  size_t count_, at_ = 0;
  VerifyOptions options_;
  Program& program_;
  const uint32_t* header_ = nullptr;
  std::vector<Tensor> tensors_;
  std::vector<uint32_t> tensor_of_;  // the tensor behind each argument, or kNone
  enum ExternalUse : uint8_t { unused, read, written };
  std::vector<ExternalUse> external_use_;
};

void Verifier::header() {
  header_ = take(layout::kHeader);
  if (header_[layout::magic] != kProgramMagic) reject("not a program: the first word is %08x", header_[layout::magic]);
  if (header_[layout::version] != kProgramVersion)
    reject("program version %u, this library reads %u", header_[layout::version], kProgramVersion);
  if (header_[layout::words] != count_) reject("%zu words given, the header says %u", count_, header_[layout::words]);
  for (int i = layout::cost + 1; i < layout::kHeader; i++)
    if (header_[i] != 0) reject("header word %d is reserved", i);
  program_.arena_bytes = wide(header_ + layout::arena_lo);
  if (program_.arena_bytes > kMaxBytes) reject("an arena of %llu bytes", (unsigned long long)program_.arena_bytes);
  program_.slots = header_[layout::slots];
  // A storage or external buffer that no buffer names costs nothing in words, so the counts need a bound of their own.
  const uint32_t buffers = header_[layout::buffers];
  if (header_[layout::storages] > buffers || header_[layout::externals] > buffers)
    reject("%u storages and %u external buffers, but only %u buffers", header_[layout::storages],
           header_[layout::externals], buffers);
}

void Verifier::buffers() {
  const uint32_t n = header_[layout::buffers];
  const uint32_t* w = take(uint64_t{n} * layout::kBuffer);
  program_.storage_bytes.assign(header_[layout::storages], 0);
  program_.storage_written.assign(header_[layout::storages], 0);
  program_.externals.assign(header_[layout::externals], {false, 1});
  external_use_.assign(header_[layout::externals], unused);
  program_.buffers.reserve(n);
  for (uint32_t i = 0; i < n; i++) buffer(i, w + size_t{i} * layout::kBuffer);
}

void Verifier::buffer(uint32_t number, const uint32_t* w) {
  if (w[0] > uint32_t(Space::slots)) reject("buffer %u: space %u", number, w[0]);
  if (w[1] > uint32_t(DType::f64)) reject("buffer %u: dtype %u", number, w[1]);
  const Buffer b = {Space(w[0]), DType(w[1]), w[2], wide(w + 3), wide(w + 5), w[7]};
  const uint64_t size = uint64_t(size_of(b.dtype));
  if (b.offset > kMaxBytes || b.bytes > kMaxBytes) reject("buffer %u: offset or size beyond any memory", number);
  if (b.bytes % size != 0)
    reject("buffer %u: %llu bytes of elements of %llu", number, (unsigned long long)b.bytes, (unsigned long long)size);
  if (b.offset % (b.space == Space::arena ? kArenaAlignment : size) != 0)
    reject("buffer %u: misaligned offset", number);
  if (b.iteration_stride != 0 && b.space != Space::input && b.space != Space::output)
    reject("buffer %u: only external buffers have a stride per iteration", number);
  if (b.iteration_stride % size != 0) reject("buffer %u: misaligned stride per iteration", number);
  if (b.dtype == DType::f64 && b.space != Space::slots && !options_.doubles)
    reject("buffer %u: float64 is for slots and the reference target", number);
  bind_space(number, b);
  program_.buffers.push_back(b);
}

void Verifier::bind_space(uint32_t number, const Buffer& b) {
  const uint64_t end = b.offset + b.bytes;
  switch (b.space) {
    case Space::arena:
      if (end > program_.arena_bytes) reject("buffer %u: ends behind the arena", number);
      return;
    case Space::slots:
      if (end > uint64_t{program_.slots} * 4) reject("buffer %u: ends behind the slots", number);
      if (b.dtype == DType::f64 && program_.slots % 2 != 0)
        reject("buffer %u: float64 slots need an even number of slot words", number);
      return;
    case Space::storage:
      if (b.index >= program_.storage_bytes.size())
        reject("buffer %u: storage %u of %zu", number, b.index, program_.storage_bytes.size());
      program_.storage_bytes[b.index] = std::max(program_.storage_bytes[b.index], end);
      return;
    case Space::input:
    case Space::output: {
      if (b.index >= program_.externals.size())
        reject("buffer %u: external buffer %u of %zu", number, b.index, program_.externals.size());
      const ExternalUse use = b.space == Space::input ? read : written;
      if (external_use_[b.index] != unused && external_use_[b.index] != use)
        reject("buffer %u: external buffer %u is both input and output", number, b.index);
      external_use_[b.index] = use;
      ExternalNeed& need = program_.externals[b.index];
      need.written = use == written;
      need.alignment = std::max(need.alignment, uint32_t(size_of(b.dtype)));
      return;
    }
  }
}

void Verifier::tensors() {
  const uint32_t n = header_[layout::tensors];
  const uint32_t* w = take(uint64_t{n} * layout::kTensor);
  tensors_.reserve(n);
  for (uint32_t i = 0; i < n; i++) tensors_.push_back(tensor(i, w + size_t{i} * layout::kTensor));
}

Tensor Verifier::tensor(uint32_t number, const uint32_t* w) {
  if (w[0] >= program_.buffers.size()) reject("tensor %u: buffer %u of %zu", number, w[0], program_.buffers.size());
  if (w[2] > uint32_t(kMaxRank)) reject("tensor %u: rank %u", number, w[2]);
  if (w[3] != 0) reject("tensor %u: word 3 is reserved", number);
  const Buffer& b = program_.buffers[w[0]];
  Tensor t = {w[0], {kUnbound, b.dtype, int32_t(w[2]), {}, {}}, 0, 0};
  int64_t bound = 1, low = w[1], high = w[1];  // low and high: the extreme elements
  bool empty = false;
  for (int i = 0; i < kMaxRank; i++) {
    const bool used = i < t.arg.rank;
    const int64_t dim = used ? int64_t{w[4 + i]} : 1;
    const int64_t stride = used ? int64_t{int32_t(w[4 + kMaxRank + i])} : 0;
    t.arg.dims[i] = dim;
    t.arg.strides[i] = stride;
    empty |= dim == 0;
    // An empty dimension counts as 1 here: kernels multiply some of the dims before they see that another is 0.
    bound *= std::max<int64_t>(dim, 1);
    if (dim >= kMaxElements || bound >= kMaxElements) reject("tensor %u: too many elements", number);
    if (dim > 1) (stride < 0 ? low : high) += (dim - 1) * stride;  // |.| < 2^62: both factors are below 2^31
  }
  const int64_t size = size_of(b.dtype), capacity = int64_t(b.bytes) / size;
  if (empty) {
    if (w[1] > capacity) reject("tensor %u: starts behind buffer %u", number, w[0]);
    t.first = t.last = int64_t{w[1]} * size;
    return t;
  }
  if (low < 0 || high >= capacity)
    reject("tensor %u: elements [%lld, %lld] of buffer %u, which has %lld", number, (long long)low, (long long)high,
           w[0], (long long)capacity);
  t.first = low * size;
  t.last = (high + 1) * size;
  return t;
}

void Verifier::instructions() {
  const uint32_t n = header_[layout::instructions];
  if (n > count_ / layout::kInstruction) reject("%u instructions in %zu words", n, count_);
  program_.instructions.reserve(n);
  for (uint32_t i = 0; i < n; i++) instruction(i, take(layout::kInstruction));
  if (at_ != count_) reject("%zu words behind the last instruction", count_ - at_);
}

void Verifier::operand_counts(uint32_t number, const RowInfo& row, const uint32_t* w) {
  const auto fits = [](int declared, uint32_t given) {
    if (declared >= 0) return given == uint32_t(declared);
    return declared == kMany ? given >= 1 : given <= uint32_t(-1 - declared);
  };
  if (!fits(row.outputs, w[1]) || !fits(row.inputs, w[2]) || !fits(row.attrs, w[3]))
    reject("instruction %u (%s): %u outputs, %u inputs, %u attributes", number, row.name, w[1], w[2], w[3]);
}

// float32 and float64 do not meet in one call, but for the hyper-parameters of updates: the reference runs it in one of
// them.
bool one_float_type(const Call& c) {
  bool single = false, twice = false;
  for (int i = 0; i < c.outputs + c.inputs; i++) {
    const TensorArg& t = i < c.outputs ? c.out[i] : c.in[i - c.outputs];
    single |= t.data && t.dtype == DType::f32;
    twice |= t.data && t.dtype == DType::f64;
  }
  return !(single && twice);
}

void Verifier::instruction(uint32_t number, const uint32_t* w) {
  if (w[0] >= kRows) reject("instruction %u: row %u of %u", number, w[0], uint32_t(kRows));
  const RowInfo& row = kRowInfo[w[0]];
  operand_counts(number, row, w);
  if (w[7] != 0) reject("instruction %u (%s): word 7 is reserved", number, row.name);
  const uint32_t* lists = take(uint64_t{w[1]} + w[2] + w[3]);
  const auto padded = [](int declared, uint32_t given) { return declared < kMany ? -1 - declared : int32_t(given); };

  Instruction i = {};
  i.row = w[0];
  i.node = w[6];
  i.first_arg = uint32_t(program_.args.size());
  i.outputs = padded(row.outputs, w[1]);
  i.inputs = padded(row.inputs, w[2]);
  i.attrs = int32_t(w[3]);
  i.attr = uint32_t(lists + w[1] + w[2] - words_);
  operands(number, row, lists, w[1], i.outputs);
  operands(number, row, lists + w[1], w[2], i.inputs);

  const TensorArg* args = program_.args.data() + i.first_arg;
  const Call call = {i.outputs, i.inputs, i.attrs, args, args + i.outputs, words_ + i.attr};
  if (!(row.flags & kUpdate) && !one_float_type(call))
    reject("instruction %u (%s): float32 and float64 together", number, row.name);
  if (const char* wrong = kRowChecks[i.row](call)) reject("instruction %u (%s): %s", number, row.name, wrong);
  overlaps(number, i, call);
  for (int32_t o = 0; o < i.outputs; o++) {
    const uint32_t t = tensor_of_[i.first_arg + uint32_t(o)];
    if (t == kNone || program_.buffers[tensors_[t].buffer].space != Space::storage) continue;
    i.writes_storage = true;
    program_.storage_written[program_.buffers[tensors_[t].buffer].index] = 1;
  }
  if (w[4] != kNone) {
    predicate(number, w[4]);
    i.predicated = true;
  }
  program_.instructions.push_back(i);
}

// Appends arguments; those that the instruction leaves out are absent.
void Verifier::operands(uint32_t number, const RowInfo& row, const uint32_t* list, uint32_t given, int32_t wanted) {
  for (uint32_t k = 0; k < uint32_t(wanted); k++) {
    const uint32_t t = k < given ? list[k] : kNone;
    if (t != kNone && t >= tensors_.size()) reject("instruction %u: tensor %u of %zu", number, t, tensors_.size());
    program_.args.push_back(t == kNone ? TensorArg{} : tensors_[t].arg);
    if (program_.args.back().dtype == DType::f64 && !options_.doubles && !(row.flags & kUpdate))
      reject("instruction %u (%s): float64 is for hyper-parameters and the reference target", number, row.name);
    tensor_of_.push_back(t);
  }
}

void Verifier::predicate(uint32_t number, uint32_t t) {
  if (t >= tensors_.size()) reject("instruction %u: predicate tensor %u of %zu", number, t, tensors_.size());
  const TensorArg& arg = tensors_[t].arg;
  if (arg.dtype != DType::boolean || elements_of(arg) != 1) reject("instruction %u: a predicate is one bool", number);
  program_.args.push_back(arg);
  tensor_of_.push_back(t);
}

// The same elements at the same addresses, perhaps by way of two buffers (a value that took over the memory of
// another).
bool Verifier::identical(uint32_t a, uint32_t b) const {
  if (a == b) return true;
  const Tensor &x = tensors_[a], &y = tensors_[b];
  const Buffer &p = program_.buffers[x.buffer], &q = program_.buffers[y.buffer];
  if (p.space != q.space || p.iteration_stride != q.iteration_stride) return false;
  if (p.space != Space::arena && p.index != q.index) return false;
  return int64_t(p.offset) + x.first == int64_t(q.offset) + y.first && size_of(p.dtype) == size_of(q.dtype) &&
         x.arg.rank == y.arg.rank && std::equal(x.arg.dims, x.arg.dims + kMaxRank, y.arg.dims) &&
         std::equal(x.arg.strides, x.arg.strides + kMaxRank, y.arg.strides);
}

// Returns whether the two may share a byte. Storages of one run are distinct and an output lies apart from all others
// (session.cc).
bool Verifier::overlap(uint32_t a, uint32_t b) const {
  const Tensor &x = tensors_[a], &y = tensors_[b];
  const Buffer &p = program_.buffers[x.buffer], &q = program_.buffers[y.buffer];
  if (p.space != q.space || x.first == x.last || y.first == y.last) return false;
  if (p.space != Space::arena && p.index != q.index) return false;
  if (p.iteration_stride != q.iteration_stride) return true;  // they move apart, or onto each other
  return int64_t(p.offset) + x.first < int64_t(q.offset) + y.last &&
         int64_t(q.offset) + y.first < int64_t(p.offset) + x.last;
}

// Returns whether every element has an address of its own. Sorted by stride, each must step over all that the smaller
// ones span.
bool distinct_elements(const TensorArg& t) {
  if (is_dense(t)) return true;
  int64_t strides[kMaxRank], dims[kMaxRank];
  int n = 0;
  for (int i = 0; i < t.rank; i++) {
    if (t.dims[i] == 1) continue;
    const int64_t stride = t.strides[i] < 0 ? -t.strides[i] : t.strides[i];
    int at = n++;
    for (; at > 0 && strides[at - 1] > stride; at--) strides[at] = strides[at - 1], dims[at] = dims[at - 1];
    strides[at] = stride, dims[at] = t.dims[i];
  }
  int64_t span = 1;
  for (int i = 0; i < n; i++) {
    if (strides[i] < span) return false;
    span += (dims[i] - 1) * strides[i];
  }
  return true;
}

void Verifier::write(uint32_t number, const RowInfo& row, uint32_t output) {
  const Tensor& t = tensors_[output];
  const Space space = program_.buffers[t.buffer].space;
  if (space == Space::input || space == Space::slots)
    reject("instruction %u (%s): writes to an input or a slot", number, row.name);
  if (!distinct_elements(t.arg)) reject("instruction %u (%s): elements of an output overlap", number, row.name);
}

void Verifier::overlaps(uint32_t number, const Instruction& i, const Call& call) {
  const RowInfo& row = kRowInfo[i.row];
  for (int32_t o = 0; o < i.outputs; o++) {
    const uint32_t output = tensor_of_[i.first_arg + uint32_t(o)];
    if (output != kNone) write(number, row, output);
  }
  if (row.flags & kUpdate) return updates(number, row, i, call);
  for (int32_t o = 0; o < i.outputs; o++) {
    const uint32_t output = tensor_of_[i.first_arg + uint32_t(o)];
    if (output == kNone) continue;
    for (int32_t k = 0; k < i.inputs; k++) {
      const uint32_t input = tensor_of_[i.first_arg + uint32_t(i.outputs + k)];
      if (input != kNone && overlap(output, input) && !((row.flags & kInplace) && identical(output, input)))
        reject("instruction %u (%s): an output overlaps input %d", number, row.name, k);
    }
    for (int32_t p = 0; p < o; p++) {
      const uint32_t other = tensor_of_[i.first_arg + uint32_t(p)];
      if (other != kNone && overlap(output, other)) reject("instruction %u (%s): outputs overlap", number, row.name);
    }
  }
}

// Each output is the very tensor of one input and overlaps no other operand. There may be thousands: sorted by address,
// outputs that overlap anything overlap a neighbour.
void Verifier::updates(uint32_t number, const RowInfo& row, const Instruction& i, const Call& call) {
  const auto tensor = [&](int32_t operand) { return tensor_of_[i.first_arg + uint32_t(operand)]; };
  const auto key = [&](uint32_t t) {
    const Buffer& b = program_.buffers[tensors_[t].buffer];
    return std::tuple(b.space, b.space == Space::arena ? 0 : b.index, int64_t(b.offset) + tensors_[t].first);
  };
  std::vector<int32_t> order;
  for (int32_t o = 0; o < i.outputs; o++) {
    const uint32_t input = tensor(i.outputs + updated_input(i.row, call, o));
    if (!identical(tensor(o), input))
      reject("instruction %u (%s): output %d is not the tensor that it updates", number, row.name, o);
    const Tensor& t = tensors_[tensor(o)];
    if (program_.buffers[t.buffer].iteration_stride != 0)
      reject("instruction %u (%s): updates a buffer that has a stride per iteration", number, row.name);
    if (t.first != t.last) order.push_back(o);
  }
  std::sort(order.begin(), order.end(), [&](int32_t a, int32_t b) { return key(tensor(a)) < key(tensor(b)); });
  for (size_t n = 1; n < order.size(); n++)
    if (overlap(tensor(order[n - 1]), tensor(order[n])))
      reject("instruction %u (%s): outputs overlap", number, row.name);
  for (int32_t k = 0; k < i.inputs; k++) {
    const uint32_t input = tensor(i.outputs + k);
    if (input == kNone) continue;
    // Outputs are apart now: one that overlaps is the last to start no later than the input, or the next.
    const auto behind =
        std::partition_point(order.begin(), order.end(), [&](int32_t o) { return key(tensor(o)) <= key(input); });
    for (auto at = behind == order.begin() ? behind : behind - 1; at != order.end() && at <= behind; ++at)
      if (overlap(tensor(*at), input) && updated_input(i.row, call, *at) != k)
        reject("instruction %u (%s): output %d overlaps input %d", number, row.name, *at, k);
  }
}

void Verifier::relocate() {
  std::vector<uint32_t> first(program_.buffers.size() + 1, 0);
  for (uint32_t t : tensor_of_)
    if (t != kNone) first[tensors_[t].buffer + 1]++;
  for (size_t b = 1; b < first.size(); b++) first[b] += first[b - 1];
  program_.first_relocation = first;
  program_.relocations.resize(first.back());
  for (uint32_t a = 0; a < tensor_of_.size(); a++) {
    if (tensor_of_[a] == kNone) continue;
    const Tensor& t = tensors_[tensor_of_[a]];
    // The element offset is where element 0 lies, which is not the lowest address when a stride is negative.
    const uint32_t* w =
        words_ + layout::kHeader + program_.buffers.size() * layout::kBuffer + size_t{tensor_of_[a]} * layout::kTensor;
    program_.relocations[first[t.buffer]++] = {a, int64_t{w[1]} * size_of(t.arg.dtype)};
  }
}

}  // namespace

std::unique_ptr<Program> verify(const uint32_t* words, size_t count, VerifyOptions options) {
  auto program = std::make_unique<Program>();
  program->words.assign(words, words + count);
  Verifier(program->words.data(), count, options, *program).run();
  return program;
}

}  // namespace anneal
