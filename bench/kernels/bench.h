// The vocabulary of cases. A family is a file bench*.cc in a folder of native/kernels, or <name>_cases.cc in this one,
// which registers itself; the build finds it, and `npm run bench -- kernels <name>` runs it:
//
//   Subject softmax(Bench& b, int64_t rows, int64_t columns) {
//     Subject s;
//     s.ours = b.kernel(row_softmax, {b.tensor({rows, columns})}, {b.tensor({rows, columns})}, {0});
//     s.peers = {{"oneDNN", dnnl ? [=] { ... } : Closure()}};  // an empty closure: absent on this machine
//     s.limits = {b.stream(1, 1, rows * columns)};
//     s.bytes = 8.0 * rows * columns;
//     return s;
//   }
//   const bench::Family rows("softmax", [](bench::Family& family) {
//     family.add({.group = "softmax", .name = "128x10", .against_peers = 1, .of_limit = 0.8,
//                 .make = [](Bench& b) { return softmax(b, 128, 10); }});
//   });
//
// A case is made and measured in a process of its own, where all that it names takes turns (measure.h).
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "arena.h"
#include "kernel_table.h"
#include "limit_loops.h"
#include "pool_context.h"
#include "test/kernel_harness.h"

namespace bench {
using namespace anneal;
using Closure = std::function<void()>;

// The call of an expert instead; `fetch`, where given, brings its result to where ours is, outside its time.
struct Peer {
  std::string name;
  Closure call, fetch = {};
};

// A time that nobody could beat, measured in the same rounds: `call` takes its time for 1 / scale of the case's
// work.
struct Limit {
  std::string name;
  Closure call;
  double scale = 1;
};

struct Subject {
  Closure ours;
  std::vector<Peer> peers;
  std::vector<Limit> limits;    // the slowest of them counts
  double flops = 0, bytes = 0;  // of the case, for the rates that are printed
  // The result of ours, which every peer has to leave within `tolerance`, and what says who is right where one does
  // not; both may be empty.
  const float* result = nullptr;
  int64_t results = 0;
  float tolerance = 1e-2f;
  Closure reference = {};
};

class Bench {
 public:
  Bench(const KernelTable& table, int threads) : table(table), threads(threads), context(threads) {}

  // Memory as sessions have it, which lives as long as the bench; numbers in [-0.5, 0.5), the same ones each time.
  float* floats(int64_t n);
  int32_t* integers(int64_t n, int32_t below);
  template <class T>
  T* constant(T value) {
    T* p = reinterpret_cast<T*>(memory(sizeof(T)));
    *p = value;
    return p;
  }

  // A dense float32 tensor, over `data` where it is given, else over new numbers.
  TensorArg tensor(const std::vector<int64_t>& dims, float* data = nullptr);
  static TensorArg dense(void* data, DType dtype, const std::vector<int64_t>& dims);

  // A call of a row of the target's table, or of another one, as a program would make it.
  Closure kernel(Row row, std::vector<TensorArg> outputs, std::vector<TensorArg> inputs, std::vector<uint32_t> attrs,
                 const KernelTable* of = nullptr);

  // As many chained fused multiply-adds in registers as `flops` takes, on all threads.
  Limit peak(double flops);
  // A square root and a division by it for each of n elements in registers, on all threads.
  Limit roots(int64_t n);
  // A plain loop over n floats that reads `reads` arrays and writes `writes` arrays, on all threads.
  Limit stream(int reads, int writes, int64_t n);
  // The same over given arrays, which may stand on both sides.
  Limit stream(const std::vector<const float*>& reads, const std::vector<float*>& writes, int64_t n);

  const KernelTable& table;
  const int threads;
  PoolContext context;

 private:
  Limit burst(const char* name, Burst burst, double work);
  char* memory(size_t bytes);

  std::vector<Memory> memory_;
  harness::Numbers numbers_{1};
};

struct Case {
  std::string group, name;
  double against_peers = 0;  // the goal for the fastest peer's time over ours; 0: none
  double of_limit = 0;       // the goal for the limit's time over ours; 0: none
  bool counted = false;      // its instructions are counted and kept (scripts/count-instructions.mjs): for small cases
  std::function<Subject(Bench&)> make;
};

class Family {
 public:
  // `mean_goal`: for the geometric mean, over the family, of the fastest peer's time over ours; 0: none.
  Family(const char* name, void (*fill)(Family&), double mean_goal = 0);
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  void add(Case c) { cases.push_back(std::move(c)); }

  const std::string name;
  const double mean_goal;
  std::vector<Case> cases;

  static std::map<std::string, Family*>& all();
};

// A library opened at run time under the first of these names that is there, else null. Null, too, after go_alone().
void* open_library(std::initializer_list<const char*> names);
void go_alone();
}  // namespace bench
