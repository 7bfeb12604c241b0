#include "permutation.h"

#include <utility>

#include "philox.h"

namespace anneal {

namespace {

// The words of Philox, block after block.
class Words {
 public:
  explicit Words(const RandomStream& stream) : stream_(stream) {}

  uint32_t next() {
    if (used_ == 4) make();
    return block_[used_++];
  }

 private:
  void make() {
    const uint32_t counter[4] = {index_++, stream_.counter, stream_.stream[0], stream_.stream[1]};
    philox_block(stream_.seed, counter, block_);
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
