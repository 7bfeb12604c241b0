#include "arena.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <new>

#include "sanitizers.h"

#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#elif defined(_WIN32)
#include <windows.h>
#endif

namespace anneal {

namespace {

[[noreturn]] void out_of_memory(size_t bytes) { throw OutOfMemory(bytes, MemoryBudget::use().total - bytes, 0); }

constexpr size_t round_up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

// Offset in a page at which a large block's data begin: blocks that are allocated one after the other differ by
// kStagger. It is an odd number of cache lines, so that all lines of a page have their turn, and not a few of them,
// because a load that follows a store at nearly the same place in a page may wait for it.
constexpr size_t kStagger = 21 * kMemoryAlignment, kPage = 4096, kStaggerFrom = 16 * kPage;

size_t next_place() {
  static std::atomic<uint32_t> blocks{0};
  return blocks.fetch_add(1, std::memory_order_relaxed) * kStagger % kPage;
}

// A size that may be rounded up.
size_t checked(size_t bytes) {
  if (bytes > SIZE_MAX / 4) throw OutOfMemory(bytes, MemoryBudget::use().total, 0);
  return bytes;
}

}  // namespace

// Under AddressSanitizer everything comes from the heap, whose ends it watches.
Memory::Memory(size_t bytes, MemoryKind kind) : counted_(checked(bytes), kind), bytes_(bytes) {
  const bool staggered = bytes >= kStaggerFrom && !kAddressSanitizer;
  const size_t size = round_up(bytes + (bytes == 0), kMemoryAlignment) + (staggered ? kPage : 0);
  if (!map(size)) {
    base_ = static_cast<char*>(::operator new(size, std::align_val_t{kMemoryAlignment}, std::nothrow));
    if (!base_) out_of_memory(bytes);
    std::memset(base_, 0, size);
  }
  data_ = base_ + (staggered ? (next_place() - reinterpret_cast<size_t>(base_)) % kPage : 0);
}

// Maps a block that is large, at a multiple of huge pages. Its whole huge pages are asked for as such; the rest stays
// small, so that a block takes no more than it needs. Windows has such pages for administrators only.
bool Memory::map([[maybe_unused]] size_t size) {
#ifdef __linux__
  constexpr size_t kHugePage = size_t{2} << 20;
  if (size < kHugePage || kAddressSanitizer) return false;
  const size_t mapped = round_up(size, size_t(sysconf(_SC_PAGESIZE)));
  // One huge page more, so that there is an aligned start; what lies around it is given back.
  void* raw = mmap(nullptr, mapped + kHugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) out_of_memory(bytes_);
  char* start = static_cast<char*>(raw);
  base_ = reinterpret_cast<char*>(round_up(reinterpret_cast<size_t>(start), kHugePage));
  mapped_ = mapped;
  const size_t before = size_t(base_ - start);
  if (before > 0) munmap(start, before);
  if (before < kHugePage) munmap(base_ + mapped, kHugePage - before);
  madvise(base_, mapped / kHugePage * kHugePage, MADV_HUGEPAGE);
  return true;
#elif defined(_WIN32)
  constexpr size_t kMappedFrom = size_t{2} << 20;
  if (size < kMappedFrom) return false;
  base_ = static_cast<char*>(VirtualAlloc(nullptr, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE));
  if (!base_) out_of_memory(bytes_);
  mapped_ = size;
  return true;
#else
  return false;
#endif
}

void Memory::release() {
#ifdef __linux__
  if (mapped_ > 0) {
    munmap(base_, mapped_);
    return;
  }
#elif defined(_WIN32)
  if (mapped_ > 0) {
    VirtualFree(base_, 0, MEM_RELEASE);
    return;
  }
#endif
  if (base_) ::operator delete(base_, std::align_val_t{kMemoryAlignment});
}

}  // namespace anneal
