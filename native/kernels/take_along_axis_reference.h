// References of pick and scatter: one row at a time.

template <class T>
static void reference_take_along_axis(const Call& call, Context& context) {
  const int64_t N = call.in[0].dims[0], C = call.in[0].dims[1];
  for (int64_t n = 0; n < N; n++) {
    const int64_t label = ((const int32_t*)call.in[1].data)[n];
    const bool inside = reference_in_range(context, n, label, C);
    ((T*)call.out[0].data)[n] = inside ? ((const T*)call.in[0].data)[n * C + label] : (T)0;
  }
}

template <class T>
static void reference_scatter(const Call& call, Context& context) {
  const int64_t N = call.out[0].dims[0], C = call.out[0].dims[1], step = call.in[0].rank;
  for (int64_t n = 0; n < N; n++) {
    const int64_t label = ((const int32_t*)call.in[1].data)[n];
    const bool inside = reference_in_range(context, n, label, C);
    for (int64_t c = 0; c < C; c++)
      ((T*)call.out[0].data)[n * C + c] = inside && c == label ? ((const T*)call.in[0].data)[n * step] : (T)0;
  }
}
