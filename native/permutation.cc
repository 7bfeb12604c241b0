#include "permutation.h"

#include <utility>

namespace anneal {

namespace {

// The words of Philox4x32-10, block after block.
class Words {
 public:
  explicit Words(const RandomStream& stream) : stream_(stream) {}

  uint32_t next() {
    if (used_ == 4) make();
    return block_[used_++];
  }

 private:
  void make() {
    uint32_t c0 = index_++, c1 = stream_.counter, c2 = stream_.stream[0], c3 = stream_.stream[1];
    uint32_t k0 = stream_.seed[0], k1 = stream_.seed[1];
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u) {
      const uint64_t p0 = uint64_t{c0} * 0xD2511F53u, p1 = uint64_t{c2} * 0xCD9E8D57u;
      c0 = uint32_t(p1 >> 32) ^ c1 ^ k0;
      c2 = uint32_t(p0 >> 32) ^ c3 ^ k1;
      c1 = uint32_t(p1);
      c3 = uint32_t(p0);
    }
    block_[0] = c0, block_[1] = c1, block_[2] = c2, block_[3] = c3;
    used_ = 0;
  }

  const RandomStream stream_;
  uint32_t index_ = 0, block_[4], used_ = 4;
};

// A uniform integer in [0, limit) without bias (Lemire, "Fast random integer generation in an interval", 2019).
uint32_t below(Words& words, uint32_t limit) {
  uint64_t product = uint64_t{words.next()} * limit;
  if (uint32_t(product) < limit) {
    const uint32_t threshold = (0 - limit) % limit;
    while (uint32_t(product) < threshold) product = uint64_t{words.next()} * limit;
  }
  return uint32_t(product >> 32);
}

}  // namespace

// Fisher and Yates, from the end.
void permute(int32_t* rows, size_t size, const RandomStream& stream) {
  for (size_t i = 0; i < size; i++) rows[i] = int32_t(i);
  Words words(stream);
  for (size_t i = size; i-- > 1;) std::swap(rows[i], rows[below(words, uint32_t(i + 1))]);
}

}  // namespace anneal
