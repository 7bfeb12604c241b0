#include "bench.h"

#include <dlfcn.h>

namespace bench {

std::map<std::string, Family*>& Family::all() {
  static std::map<std::string, Family*> families;
  return families;
}

Family::Family(const char* name, void (*fill)(Family&), double mean_goal) : name(name), mean_goal(mean_goal) {
  fill(*this);
  all()[name] = this;
}

static bool alone = false;
void go_alone() { alone = true; }

void* open_library(std::initializer_list<const char*> names) {
  if (alone) return nullptr;
  for (const char* name : names)
    if (void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
  return nullptr;
}

// Large blocks begin on a page, so arrays would all lie at the same place modulo the page and a distance of a power of
// two could come about, which costs a factor: each block starts some cache lines later than the last one.
char* Bench::memory(size_t bytes) {
  const size_t stagger = memory_.size() * 17 % 61 * kMemoryAlignment;
  memory_.emplace_back(bytes + stagger, MemoryKind::data);
  return memory_.back().data() + stagger;
}

float* Bench::floats(int64_t n) {
  float* p = reinterpret_cast<float*>(memory(size_t(n) * 4));
  for (int64_t i = 0; i < n; i++) p[i] = numbers_.uniform();
  return p;
}

int32_t* Bench::integers(int64_t n, int32_t below) {
  int32_t* p = reinterpret_cast<int32_t*>(memory(size_t(n) * 4));
  for (int64_t i = 0; i < n; i++) p[i] = int32_t(numbers_.below(below));
  return p;
}

TensorArg Bench::dense(void* data, DType dtype, const std::vector<int64_t>& dims) {
  TensorArg t = {data, dtype, int32_t(dims.size()), {}, {}};
  int64_t stride = 1;
  for (size_t d = dims.size(); d-- > 0; stride *= dims[d]) t.dims[d] = dims[d], t.strides[d] = stride;
  return t;
}

TensorArg Bench::tensor(const std::vector<int64_t>& dims, float* data) {
  int64_t n = 1;
  for (int64_t d : dims) n *= d;
  return dense(data ? data : floats(n), DType::f32, dims);
}

Closure Bench::kernel(Row row, std::vector<TensorArg> outputs, std::vector<TensorArg> inputs,
                      std::vector<uint32_t> attrs, const KernelTable* of) {
  struct Invocation {
    std::vector<TensorArg> outputs, inputs;
    std::vector<uint32_t> attrs;
    Call call;
  };
  auto i = std::make_shared<Invocation>(Invocation{std::move(outputs), std::move(inputs), std::move(attrs), {}});
  i->call = {int32_t(i->outputs.size()), int32_t(i->inputs.size()), int32_t(i->attrs.size()),
             i->outputs.data(),          i->inputs.data(),          i->attrs.data()};
  const KernelRow& kernel = (of ? of : &table)->rows[row];
  context.reserve(kernel.scratch ? kernel.scratch(i->call) : 0,
                  kernel.shared_scratch ? kernel.shared_scratch(i->call) : 0);
  return [this, i, run = kernel.run] { run(i->call, context); };
}
}  // namespace bench
