// Memory: aligned, zero-filled, and staggered where it is large.
#include "arena.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <set>
#include <vector>

#include "sanitizers.h"

using namespace anneal;

TEST_CASE("memory of every size is aligned, zero-filled and writable to its end") {
  for (size_t bytes :
       {size_t{0}, size_t{1}, size_t{64}, size_t{4096}, size_t{65536}, size_t{2} << 20, (size_t{4} << 20) + 5}) {
    Memory memory(bytes, MemoryKind::data);
    CHECK(memory.bytes() == bytes);
    REQUIRE(memory.data() != nullptr);
    CHECK(reinterpret_cast<uintptr_t>(memory.data()) % kMemoryAlignment == 0);
    size_t not_zero = 0;
    for (size_t i = 0; i < bytes; i++) not_zero += memory.data()[i] != 0;
    CHECK(not_zero == 0);
    for (size_t i = 0; i < bytes; i++) memory.data()[i] = 1;
  }
}

TEST_CASE("large blocks of one size lie at no distance of a power of two") {
  if (kAddressSanitizer) return;  // which is shown the true ends of blocks instead
  for (size_t bytes : {size_t{64} << 10, size_t{1} << 20, size_t{4} << 20}) {
    std::vector<Memory> blocks;
    for (int i = 0; i < 8; i++) blocks.emplace_back(bytes, MemoryKind::data);
    std::set<uintptr_t> places;  // within a page
    for (const Memory& block : blocks) places.insert(reinterpret_cast<uintptr_t>(block.data()) % 4096);
    CHECK(places.size() == blocks.size());
  }
}

TEST_CASE("memory moves, and an arena keeps what suffices") {
  Memory a(100000, MemoryKind::data), b;
  char* data = a.data();
  b = std::move(a);
  CHECK(b.data() == data);
  Arena arena;
  char* first = arena.reserve(200000);
  CHECK(arena.reserve(1000) == first);
  CHECK(arena.bytes() == 200000);
  CHECK(arena.reserve(300000) != nullptr);
  CHECK(arena.bytes() == 300000);
}
