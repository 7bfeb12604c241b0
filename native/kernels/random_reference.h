// The reference of random: Philox4x32-10 word by word, distributions in double.

static void reference_philox(const uint32_t key[2], const uint32_t counter[4], uint32_t out[4]) {
  uint32_t c[4] = {counter[0], counter[1], counter[2], counter[3]}, k[2] = {key[0], key[1]};
  for (int round = 0; round < 10; round++) {
    const uint64_t p0 = (uint64_t)c[0] * 0xD2511F53u, p1 = (uint64_t)c[2] * 0xCD9E8D57u;
    const uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k[0], (uint32_t)p1, (uint32_t)(p0 >> 32) ^ c[3] ^ k[1],
                              (uint32_t)p0};
    for (int i = 0; i < 4; i++) c[i] = next[i];
    k[0] += 0x9E3779B9u;
    k[1] += 0xBB67AE85u;
  }
  for (int i = 0; i < 4; i++) out[i] = c[i];
}

template <class T>
static void reference_random(const Call& call, Context&) {
  const int32_t* key = (const int32_t*)call.in[0].data;
  const double p0 = reference_load(call.in[1], 0).real, p1 = reference_load(call.in[1], 1).real;
  const uint32_t seed[2] = {(uint32_t)key[0], (uint32_t)key[1]};
  for (int64_t i = 0; i < reference_elements(call.out[0]); i++) {
    const uint32_t counter[4] = {(uint32_t)(i / 4), (uint32_t)key[4], (uint32_t)key[2], (uint32_t)key[3]};
    uint32_t words[4];
    reference_philox(seed, counter, words);
    const auto uniform = [&](int64_t w) { return (double)(words[w] >> 8) * 0x1p-24; };
    const double u = uniform(i % 4), v = uniform(i % 4 | 1);
    const double radius = std::sqrt(-2 * std::log(1 - uniform(i % 4 & ~1)));
    double x = (T)(p0 + u * (p1 - p0));
    if (call.attr[0] == 0 && x >= p1 && p0 < p1) x = p0;
    if (call.attr[0] == 1) x = p0 + p1 * radius * (i % 2 ? std::sin(2 * kPi * v) : std::cos(2 * kPi * v));
    if (call.attr[0] == 2) x = u < p0 ? p1 : 0;
    reference_store(call.out[0], i, {x, 0, true});
  }
}
