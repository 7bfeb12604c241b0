#include "arena.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "error.h"
#include "sanitizers.h"

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace anneal {

namespace {

constexpr size_t kHugePage = size_t{2} << 20;

[[noreturn]] void out_of_memory(size_t bytes) {
  throw Error(Code::out_of_memory, "[anneal] out of memory: " + std::to_string(bytes) +
                                       " bytes could not be allocated. Use a smaller model or batch, or free tensors.");
}

constexpr size_t round_up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

}  // namespace

Memory::Memory(size_t bytes) : bytes_(bytes) {
  if (bytes > SIZE_MAX / 4) out_of_memory(bytes);
#ifdef __linux__
  // Under AddressSanitizer everything comes from the heap, whose ends it watches.
  if (bytes >= kHugePage && !kAddressSanitizer) {
    const size_t mapped = round_up(bytes, kHugePage);
    // One huge page more, so that there is an aligned start; what lies around it is given back.
    void* raw = mmap(nullptr, mapped + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED) out_of_memory(bytes);
    char* start = static_cast<char*>(raw);
    char* aligned = reinterpret_cast<char*>(round_up(reinterpret_cast<size_t>(start), kHugePage));
    const size_t before = size_t(aligned - start);
    if (before > 0) munmap(start, before);
    if (before < kHugePage) munmap(aligned + mapped, kHugePage - before);
    madvise(aligned, mapped, MADV_HUGEPAGE);
    data_ = aligned;
    mapped_ = mapped;
    return;
  }
#endif
  const size_t size = round_up(bytes == 0 ? 1 : bytes, kMemoryAlignment);
  data_ = static_cast<char*>(::operator new(size, std::align_val_t{kMemoryAlignment}, std::nothrow));
  if (!data_) out_of_memory(bytes);
  std::memset(data_, 0, size);
}

void Memory::release() {
#ifdef __linux__
  if (mapped_ > 0) {
    munmap(data_, mapped_);
    return;
  }
#endif
  if (data_) ::operator delete(data_, std::align_val_t{kMemoryAlignment});
}

}  // namespace anneal
