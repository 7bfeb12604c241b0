// References of sgd and adam: PyTorch's rules in double, rounded to T where a value is stored.

template <class T>
static void reference_sgd(const Call& call, Context&) {
  const double* hyper = (const double*)call.in[3].data;
  const double lr = hyper[0], momentum = hyper[1], dampening = hyper[2], decay = hyper[3];
  T* p = (T*)call.out[0].data;
  T* buffer = call.outputs > 1 ? (T*)call.out[1].data : nullptr;
  const bool first = *(const int32_t*)call.in[4].data == 1;
  for (int64_t i = 0; i < reference_elements(call.out[0]); i++) {
    double g = (double)((const T*)call.in[1].data)[i] * (call.attr[0] & 2 ? -1 : 1) + decay * (double)p[i];
    if (buffer) {
      const double b = first ? g : momentum * (double)buffer[i] + (1 - dampening) * g;
      buffer[i] = (T)b;
      g = call.attr[0] & 1 ? g + momentum * b : b;
    }
    p[i] = (T)((double)p[i] - lr * g);
  }
}

template <class T>
static void reference_adam(const Call& call, Context&) {
  const double* hyper = (const double*)call.in[4].data;
  const double lr = hyper[0], beta1 = hyper[1], beta2 = hyper[2], eps = hyper[3], decay = hyper[4];
  const double step = *(const int32_t*)call.in[5].data;
  const double correction1 = 1 - std::pow(beta1, step), correction2 = 1 - std::pow(beta2, step);
  T *p = (T*)call.out[0].data, *m = (T*)call.out[1].data, *v = (T*)call.out[2].data;
  for (int64_t i = 0; i < reference_elements(call.out[0]); i++) {
    double x = (double)p[i], g = (double)((const T*)call.in[1].data)[i] * (call.attr[0] & 2 ? -1 : 1);
    if (call.attr[0] & 1)
      x *= 1 - lr * decay;
    else
      g += decay * x;
    const double mean = beta1 * (double)m[i] + (1 - beta1) * g, square = beta2 * (double)v[i] + (1 - beta2) * g * g;
    m[i] = (T)mean;
    v[i] = (T)square;
    p[i] = (T)(x - lr / correction1 * mean / (std::sqrt(square) / std::sqrt(correction2) + eps));
  }
}
