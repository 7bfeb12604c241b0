// Gradients of tables of embeddings, beside a plain loop that writes the table or, where that is more, reads what is
// added to it.
#include <algorithm>

#include "bench.h"

namespace {
using namespace bench;

struct Table {
  const char* name;
  int64_t V, D, K;  // rows, their width, and tokens
};

// Tokens of a text are few words often: the product of two numbers.
int32_t* tokens(Bench& b, const Table& t) {
  int32_t *first = b.integers(t.K, int32_t(t.V)), *second = b.integers(t.K, 1 << 20);
  for (int64_t k = 0; k < t.K; k++) first[k] = int32_t(int64_t(first[k]) * second[k] >> 20);
  return first;
}

Subject scatter_add(Bench& b, const Table& t) {
  float *out = b.floats(t.V * t.D), *updates = b.floats(t.K * t.D);
  Subject s;
  s.ours = b.kernel(row_scatter_add, {b.tensor({t.V, t.D}, out)},
                    {Bench::dense(tokens(b, t), DType::i32, {t.K}), b.tensor({t.K, t.D}, updates)}, {0});
  if (t.V > t.K)
    s.limits = {b.stream({}, {out}, t.V * t.D)};
  else
    s.limits = {b.stream({updates}, {}, t.K * t.D)};
  s.bytes = 4.0 * double((t.V + t.K) * t.D);
  return s;
}

Subject coalesce(Bench& b, const Table& t) {
  const int64_t R = std::min(t.V, t.K);
  float *values = b.floats(R * t.D), *updates = b.floats(t.K * t.D);
  Subject s;
  s.ours = b.kernel(row_coalesce, {b.tensor({R, t.D}, values), Bench::dense(b.integers(R, 1), DType::i32, {R})},
                    {Bench::dense(tokens(b, t), DType::i32, {t.K}), b.tensor({t.K, t.D}, updates)}, {uint32_t(t.V), 0});
  s.limits = {b.stream({updates}, {values}, R * t.D)};
  s.bytes = 4.0 * double((R + t.K) * t.D);
  return s;
}

void fill(bench::Family& family) {
  const Table tables[] = {{"50,257x768, 4,096 tokens", 50257, 768, 4096},
                          {"8,000x256, 4,096 tokens", 8000, 256, 4096},
                          {"65x128, 16,384 tokens", 65, 128, 16384},
                          {"65x32, 512 tokens", 65, 32, 512}};
  for (const Table& t : tables) {
    const bool small = t.K * t.D < 1 << 16;
    family.add({.group = "gradient of an embedding",
                .name = std::string("gradient of ") + t.name,
                .of_limit = small ? 0 : 0.85,
                .make = [=](Bench& b) { return scatter_add(b, t); }});
    family.add({.group = "rows of the gradient", .name = "rows of " + std::string(t.name), .make = [=](Bench& b) {
                  return coalesce(b, t);
                }});
  }
}

const bench::Family gathers("gather", fill);
}  // namespace
