// The generator against the published vectors of Random123 (kat_vectors, philox4x32 10). updates_test.cc then holds
// every target to the words of the reference, which are these.
#include "philox.h"

#include <doctest/doctest.h>

namespace {
struct Vector {
  uint32_t counter[4], key[2], words[4];
};
const Vector kVectors[] = {{{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
                           {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
                            {0xffffffff, 0xffffffff},
                            {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
                           {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                            {0xa4093822, 0x299f31d0},
                            {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}}};

TEST_CASE("philox: the published words") {
  for (const Vector& v : kVectors) {
    uint32_t words[4];
    anneal::philox_block(v.key, v.counter, words);
    for (int i = 0; i < 4; i++) CHECK(words[i] == v.words[i]);
  }
}
}  // namespace
