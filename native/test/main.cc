// The runner of all native tests. The test files beside this one register themselves.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <limits>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "../sanitizers.h"
#include "kernel_harness.h"

#ifdef ANNEAL_ASAN
// A test asks for more memory than there is: that must come back as an error, here too.
// Visible, because GCC's runtime is a library of its own that looks for it.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }
#endif

namespace {

#ifdef __GLIBC__
// Large blocks are kept and used again: most of a test's time went into the page faults of new ones.
[[maybe_unused]] const int kept_blocks =
    mallopt(M_MMAP_MAX, 0) + mallopt(M_TRIM_THRESHOLD, std::numeric_limits<int>::max());
#endif

// Writes a line "<hash> <test case>" for each test case that noted bits to the file $ANNEAL_BITS. Two runs must agree:
// on any machine, with any compiler.
class BitsListener : public doctest::IReporter {
 public:
  explicit BitsListener(const doctest::ContextOptions&) {
    if (const char* path = std::getenv("ANNEAL_BITS")) file_ = std::fopen(path, "wb");
  }
  ~BitsListener() override {
    if (file_) std::fclose(file_);
  }
  BitsListener(const BitsListener&) = delete;
  BitsListener& operator=(const BitsListener&) = delete;

  void test_case_start(const doctest::TestCaseData& test) override {
    name_ = test.m_name;
    harness::bits_of_case() = 0;
  }
  void test_case_end(const doctest::CurrentTestCaseStats&) override {
    if (file_ && harness::bits_of_case() != 0)
      std::fprintf(file_, "%016llx %s\n", static_cast<unsigned long long>(harness::bits_of_case()), name_);
  }

  void report_query(const doctest::QueryData&) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats&) override {}
  void test_case_reenter(const doctest::TestCaseData&) override {}
  void test_case_exception(const doctest::TestCaseException&) override {}
  void subcase_start(const doctest::SubcaseSignature&) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData&) override {}
  void log_message(const doctest::MessageData&) override {}
  void test_case_skipped(const doctest::TestCaseData&) override {}

 private:
  std::FILE* file_ = nullptr;
  const char* name_ = "";
};
REGISTER_LISTENER("bits", 1, BitsListener);

}  // namespace
