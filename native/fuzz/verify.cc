// libFuzzer: arbitrary words into verify(). What it accepts must run: small programs are executed on the reference and
// on the best target, over memory of exactly the size that the program asks for, watched by the sanitizers.
#include <algorithm>
#include <cstring>
#include <vector>

#include "../cpu.h"
#include "../error.h"
#include "../session.h"
#include "../test/program_builder.h"

namespace {

using namespace anneal;

constexpr uint64_t kMaxMemory = 1 << 16;  // bytes of the arena, of a storage, of an external buffer
constexpr double kMaxWork = 1e6;          // elements that the instructions may touch, roughly

// ---- running what was accepted -----------------------------------------------------------------------------------

uint64_t external_bytes(const Program& p, uint32_t number) {
  uint64_t bytes = 0;
  for (const Buffer& b : p.buffers)
    if ((b.space == Space::input || b.space == Space::output) && b.index == number)
      bytes = std::max(bytes, b.offset + b.bytes);
  return bytes;
}

// The product of all distinct sizes that an instruction sees bounds what it does (a gemm's M N K, a reduction's input).
double work_of(const Program& p) {
  double work = 0;
  for (const Instruction& i : p.instructions) {
    double largest = 1, second = 1;
    for (int32_t k = 0; k < i.outputs + i.inputs; k++) {
      const double n = double(elements_of(p.args[i.first_arg + uint32_t(k)]));
      if (n > largest)
        second = std::exchange(largest, n);
      else if (n > second)
        second = n;
    }
    work += largest * second;
  }
  return work;
}

bool is_small(const Program& p) {
  if (p.arena_bytes > kMaxMemory || p.slots > 4096 || work_of(p) > kMaxWork) return false;
  for (const uint64_t bytes : p.storage_bytes)
    if (bytes > kMaxMemory) return false;
  for (uint32_t v = 0; v < p.externals.size(); v++)
    if (external_bytes(p, v) > kMaxMemory) return false;
  return true;
}

// Numbers of all kinds: small integers (indices), ordinary floats, now and then NaN or the largest integer.
void fill(char* bytes, size_t count) {
  const uint32_t pattern[] = {0, 1, 2, 0x3F800000, 0xBF000000, 3, 0x7FC00000, 0x7FFFFFFF, 0x42280000, 1};
  for (size_t i = 0; i < count; i++) bytes[i] = char(pattern[i / 4 % std::size(pattern)] >> i % 4 * 8);
}

// The SIMD target that a build with sanitizers watches (CMakeLists.txt), where this machine has it.
const KernelTable& watched_target() {
  for (const KernelTable* target : available_targets())
    if (std::strcmp(target->name, "avx2") == 0) return *target;
  return choose_target();
}

void execute(const std::vector<uint32_t>& words, const Program& p, const KernelTable& target) {
  Session session(target, [](void*) {}, nullptr);
  std::vector<int32_t> ids;
  for (const uint64_t bytes : p.storage_bytes) {
    ids.push_back(int32_t(session.allocate(bytes)));
    fill(session.storage_data(ids.back()), bytes);
  }
  std::vector<std::unique_ptr<double[]>> memory;
  std::vector<External> externals;
  for (uint32_t v = 0; v < p.externals.size(); v++) {
    const size_t bytes = external_bytes(p, v);
    memory.push_back(std::make_unique<double[]>(bytes / 8 + 1));
    // At the end of its block, so that the byte behind it is not ours, as far as its alignment allows.
    const size_t room = (bytes / 8 + 1) * 8,
                 start = (room - bytes) / p.externals[v].alignment * p.externals[v].alignment;
    externals.push_back({reinterpret_cast<char*>(memory.back().get()) + start, bytes});
    fill(externals.back().data, bytes);
  }
  std::vector<char> slots(size_t{p.slots} * 4);
  fill(slots.data(), slots.size());
  const uint32_t program = session.load(words.data(), words.size());
  session.run_here(
      {program, ids.data(), ids.size(), externals.data(), externals.size(), slots.data(), slots.size(), 1});
}

// ---- writing programs --------------------------------------------------------------------------------------------

// One program with many rows, for the fuzzer to spoil.
std::vector<uint32_t> seed(uint32_t kind) {
  ProgramBuilder b;
  b.slots = 16;
  const uint32_t x = b.dense(Space::input, DType::f32, 0, {4, 6}), w = b.dense(Space::storage, DType::f32, 0, {6, 8});
  const uint32_t product = b.dense(Space::arena, DType::f32, 0, {4, 8}),
                 y = b.dense(Space::output, DType::f32, 1, {4, 8});
  const uint32_t labels = b.dense(Space::input, DType::i32, 2, {4}), loss = b.dense(Space::arena, DType::f32, 0, {4});
  const uint32_t scalar = b.tensor(b.buffer(Space::slots, DType::f32, 0, 0, 4), {});
  b.add(row_gemm, {product}, {x, w}, {kind % 6, 0});
  switch (kind % 10) {
    case 0:
      b.add(row_pointwise, {y}, {product}, {2, 15, 0, kNone, kNone, 2, 1, 0, kNone, 2});
      break;
    case 1:
      b.add(row_reduce, {b.dense(Space::arena, DType::f32, 0, {4, 1})}, {product}, {kind % 4, 0, 0});
      break;
    case 2:
      b.add(row_softmax, {y}, {product}, {kind / 10 % 2});
      break;
    case 3:
      b.add(row_cross_entropy, {loss, y}, {product, labels}, {0});
      break;
    case 4:
      b.add(row_gather, {b.dense(Space::arena, DType::f32, 0, {4, 8})}, {w, labels}, {0});
      break;
    case 5:
      b.add(row_scatter_add, {w}, {labels, product}, {0});
      break;
    case 6:
      b.add(row_random, {y},
            {b.tensor(b.buffer(Space::slots, DType::i32, 0, 4, 20), {5}),
             b.tensor(b.buffer(Space::slots, DType::f32, 0, 0, 8), {2})},
            {kind / 10 % 3});
      break;
    case 7: {
      const uint32_t targets = kind / 10 % 2 ? labels : b.dense(Space::input, DType::f32, 3, {4, 8});
      b.add(row_soft_cross_entropy, {loss, y},
            {product, targets, kNone, scalar, b.dense(Space::input, DType::f32, 4, {8})}, {0});
      break;
    }
    case 8: {
      const uint32_t logits = b.tensor(b.buffer(Space::input, DType::f32, 5, 0, 96), {2, 4, 3}, {3, 6, 1});
      const uint32_t lengths = b.dense(Space::input, DType::i32, 6, {2});
      b.add(row_ctc, {b.dense(Space::arena, DType::f32, 0, {2}), b.dense(Space::output, DType::f32, 7, {2, 4, 3})},
            {logits, b.dense(Space::input, DType::i32, 8, {2, 2}), lengths, lengths}, {kind / 10 % 3, kind / 30 % 2});
      break;
    }
    default: {
      const uint32_t g = b.dense(Space::arena, DType::f32, 0, {6, 8});
      const uint32_t hyper = b.tensor(b.buffer(Space::slots, DType::f64, 0, 0, 32), {4}),
                     steps = b.tensor(b.buffer(Space::slots, DType::i32, 0, 32, 8), {2}),
                     limit = b.tensor(b.buffer(Space::slots, DType::f64, 0, 0, 8), {1}),
                     scales = b.dense(Space::arena, DType::f32, 0, {2});
      const uint32_t momentum = b.dense(Space::storage, DType::f32, 2, {6, 8}),
                     bias = b.dense(Space::storage, DType::f32, 3, {4, 8}),
                     momentum2 = b.dense(Space::storage, DType::f32, 4, {4, 8});
      b.add(row_fill, {g}, {scalar});
      b.add(row_clip_scale, {scales, b.dense(Space::arena, DType::f32, 0, {})}, {scalar, g, product}, {1});
      b.add(row_require_finite, {}, {scalar, g, product}, {});
      b.add(row_update, {w, momentum, bias, momentum2},
            {hyper, steps, scales, limit, kNone, w, g, momentum, bias, product, momentum2}, {1, kind / 10 % 4, 0, 1});
    }
  }
  b.add(row_copy, {b.dense(Space::storage, DType::f32, 1, {4, 8})}, {product});
  return b.words();
}

uint32_t next(uint32_t& state) {
  state ^= state << 13, state ^= state >> 17, state ^= state << 5;
  return state;
}

uint32_t suspicious(uint32_t& state) {
  const uint32_t values[] = {0,  1,  2,  3,          4,          5,          6,       8,
                             16, 32, 64, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000, 0x40000000};
  return next(state) % 4 ? values[next(state) % std::size(values)] : next(state);
}

}  // namespace

// Arenas and scratch of any size are asked for.
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  MemoryBudget::set_limit(uint64_t{64} << 20);
  return 0;
}

// Changes whole words: bytes are too fine a grain for a format in which most words are small numbers.
extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned int random) {
  uint32_t state = random | 1;
  std::vector<uint32_t> words(size / 4);
  if (words.size() < layout::kHeader || next(state) % 64 == 0)
    words = seed(next(state));
  else
    std::memcpy(words.data(), data, words.size() * 4);
  if (next(state) % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  for (uint32_t n = 1 + next(state) % 4; n > 0; n--) {
    uint32_t& word = words[next(state) % words.size()];
    const uint32_t how = next(state) % 4;
    word = how == 0 ? suspicious(state) : how == 1 ? word + 1 : how == 2 ? word - 1 : words[next(state) % words.size()];
  }
  if (next(state) % 16 == 0) words.insert(words.begin() + next(state) % words.size(), suspicious(state));
  if (next(state) % 16 == 0) words.erase(words.begin() + next(state) % words.size());
  if (words.size() * 4 > max_size) words.resize(max_size / 4);
  std::memcpy(data, words.data(), words.size() * 4);
  return words.size() * 4;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint32_t> words(size / 4);
  if (words.size() < layout::kHeader) return 0;
  std::memcpy(words.data(), data, words.size() * 4);
  // These three would stop most inputs at the door; the unit tests look after them.
  words[layout::magic] = kProgramMagic;
  words[layout::version] = kProgramVersion;
  words[layout::words] = uint32_t(words.size());
  for (const bool doubles : {false, true}) {
    std::unique_ptr<Program> program;
    try {
      program = verify(words.data(), words.size(), {doubles});
    } catch (const Error&) {
      continue;
    }
    if (!is_small(*program)) continue;
    execute(words, *program, choose_target("reference"));
    if (!doubles) execute(words, *program, watched_target());
  }
  return 0;
}
