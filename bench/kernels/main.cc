// One case in this process, or a list of all. bench/kernels.ts starts it, a fresh process a case, and makes the tables.
//
//   kernels --list
//   kernels --case "gemm/NT 32x784x512" [--threads 2] [--target avx2] [--rounds 7]
//   kernels --count "gemm/NN 64x64x64" [--target avx2]    one call in a function of its own, for callgrind
//
// Prints JSON.
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "bench.h"
#include "cpu.h"
#include "measure.h"

// The function that callgrind counts: not static, not inlined, so that it has this name.
extern "C" __attribute__((noinline)) void counted_call(const bench::Closure& call) {
  call();
  asm volatile("");
}

namespace {
using namespace bench;

#if defined(__clang__)
constexpr const char* kCompiler = "clang " __clang_version__;
#else
constexpr const char* kCompiler = "g++ " __VERSION__;
#endif

struct Options {
  bool list = false;
  std::string id, target;
  int threads = 1, rounds = 7;
  bool count = false;
};

Options options_of(int argc, char** argv) {
  Options o;
  for (int i = 1; i < argc; i++) {
    const std::string key = argv[i];
    if (key == "--list") {
      o.list = true;
      continue;
    }
    if (i + 1 == argc) throw std::invalid_argument(key + " needs a value");
    const std::string value = argv[++i];
    if (key == "--case" || key == "--count")
      o.id = value, o.count = key == "--count";
    else if (key == "--target")
      o.target = value;
    else if (key == "--threads")
      o.threads = std::stoi(value);
    else if (key == "--rounds")
      o.rounds = std::stoi(value);
    else
      throw std::invalid_argument("unknown option " + key);
  }
  return o;
}

void print_list() {
  std::printf("{\"target\": \"%s\", \"compiler\": \"%s\", \"families\": [", choose_target().name, kCompiler);
  const char* comma = "";
  for (const auto& [name, family] : Family::all()) {
    std::printf("%s\n {\"name\": \"%s\", \"meanGoal\": %g, \"cases\": [", comma, name.c_str(), family->mean_goal);
    comma = "";
    for (const Case& c : family->cases) {
      std::printf(
          "%s\n  {\"id\": \"%s/%s\", \"group\": \"%s\", \"name\": \"%s\", \"againstPeers\": %g, \"ofLimit\": %g, "
          "\"counted\": %s}",
          comma, name.c_str(), c.name.c_str(), c.group.c_str(), c.name.c_str(), c.against_peers, c.of_limit,
          c.counted ? "true" : "false");
      comma = ",";
    }
    std::printf("]}");
    comma = ",";
  }
  std::printf("]}\n");
}

const Case& case_of(const std::string& id) {
  for (const auto& [name, family] : Family::all())
    for (const Case& c : family->cases)
      if (name + "/" + c.name == id) return c;
  throw std::invalid_argument("no case is called " + id);
}

void print_names(const char* key, const std::vector<std::string>& names) {
  std::printf("\"%s\": [", key);
  for (size_t i = 0; i < names.size(); i++) std::printf("%s\"%s\"", i ? ", " : "", names[i].c_str());
  std::printf("], ");
}

void print(const Subject& s, const Measurement& m) {
  std::printf("{\"flops\": %.17g, \"bytes\": %.17g, \"seconds\": %.3f, \"foreign\": %.3f, \"differs\": \"%s\", ",
              s.flops, s.bytes, m.seconds, m.foreign, m.differs.c_str());
  print_names("absent", m.absent);
  print_names("wrong", m.wrong);
  std::printf("\"contenders\": [");
  for (size_t i = 0; i < m.contenders.size(); i++) {
    const Contender& c = m.contenders[i];
    std::printf("%s{\"name\": \"%s\", \"kind\": \"%s\", \"ns\": [", i ? ", " : "", c.name.c_str(), c.kind);
    for (size_t r = 0; r < c.ns.size(); r++) std::printf("%s%.1f", r ? ", " : "", c.ns[r]);
    std::printf("]}");
  }
  std::printf("]}\n");
}

void run(const Options& o) {
  const Case& c = case_of(o.id);
  if (o.count) go_alone();
  Bench bench(choose_target(o.target), o.threads);
  const Subject subject = c.make(bench);
  if (!o.count) return print(subject, measure(subject, o.threads, o.rounds));
  subject.ours();  // what a first call sets up does not count
  counted_call(subject.ours);
}
}  // namespace

int main(int argc, char** argv) {
  try {
    const Options o = options_of(argc, argv);
    if (o.list)
      print_list();
    else
      run(o);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "kernels: %s\n", e.what());
    return 2;
  }
}
