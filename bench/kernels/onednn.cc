#include "onednn.h"

#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

namespace bench {
namespace {

// The part of oneDNN's C interface, version 3, that is used here. Handles are opaque.
using Handle = void*;
using Dims = int64_t[12];
enum { kFloat32 = 3, kCpu = 1, kInOrder = 1, kAnyOrder = 1, kTraining = 64, kDirect = 1 };
enum { kSrc = 1, kDst = 17, kWeights = 33, kDiffSrc = 129, kDiffDst = 145, kDiffWeights = 161 };
enum { kSrcDesc = 129, kDiffSrcDesc, kWeightsDesc, kDiffWeightsDesc, kDstDesc, kDiffDstDesc };

struct Argument {
  int index;
  Handle memory;
};

struct Library {
  void* handle = open_library({"libdnnl.so.3.7", "libdnnl.so.3.6", "libdnnl.so.3"});
  Handle engine = nullptr, stream = nullptr;

  template <class... Args>
  void call(const char* name, Args... args) const {
    const auto function = reinterpret_cast<int (*)(Args...)>(dlsym(handle, name));
    const int status = function ? function(args...) : -1;
    if (status != 0) throw std::runtime_error(std::string(name) + " of oneDNN returns " + std::to_string(status));
  }

  Library() {
    if (!handle) return;
    call("dnnl_engine_create", &engine, kCpu, size_t(0));
    call("dnnl_stream_create", &stream, engine, unsigned(kInOrder));
  }
};

const Library& library() {
  static const Library one;
  return one;
}

// An array of a convolution: its dimensions as oneDNN counts them, and the strides that it has with us.
struct Array {
  int rank;
  Dims dims = {}, strides = {};
  float* data;
  // Which argument it is, and the description of its memory, in the forward pass and as a gradient.
  int argument, gradient, desc, gradient_desc;

  Handle described(bool in_any_order) const {
    Handle desc = nullptr;
    if (in_any_order)
      library().call("dnnl_memory_desc_create_with_tag", &desc, rank, dims, int(kFloat32), int(kAnyOrder));
    else
      library().call("dnnl_memory_desc_create_with_strides", &desc, rank, dims, int(kFloat32), strides);
    return desc;
  }
};

Array images(float* data, int64_t N, int64_t C, int64_t H, int64_t W, int argument, int gradient, int desc) {
  return {4, {N, C, H, W}, {H * W * C, 1, W * C, C}, data, argument, gradient, desc, desc + 1};
}

Array weights(float* data, const Conv2d& c) {
  const int64_t G = c.groups, O = c.O / G, I = c.C / G, k = c.kernel;
  if (G == 1)
    return {4, {O, I, k, k}, {I * k * k, k * k, k, 1}, data, kWeights, kDiffWeights, kWeightsDesc, kDiffWeightsDesc};
  return {5,
          {G, O, I, k, k},
          {O * I * k * k, I * k * k, k * k, k, 1},
          data,
          kWeights,
          kDiffWeights,
          kWeightsDesc,
          kDiffWeightsDesc};
}

Handle memory_of(Handle desc, float* data) {
  Handle memory = nullptr;
  void* const own = (void*)~size_t(0);  // lets oneDNN allocate it
  library().call("dnnl_memory_create", &memory, desc, library().engine, data ? (void*)data : own);
  return memory;
}

Closure executed(Handle pd, std::vector<Argument> arguments) {
  Handle primitive = nullptr;
  library().call("dnnl_primitive_create", &primitive, pd);
  const auto execute = reinterpret_cast<int (*)(Handle, Handle, int, const Argument*)>(
      dlsym(library().handle, "dnnl_primitive_execute"));
  return [=] { execute(primitive, library().stream, int(arguments.size()), arguments.data()); };
}

Closure reordered(Handle from_desc, Handle from, Handle to_desc, Handle to) {
  Handle pd = nullptr, engine = library().engine;
  library().call("dnnl_reorder_primitive_desc_create", &pd, from_desc, engine, to_desc, engine, Handle());
  return executed(pd, {{kSrc, from}, {kDst, to}});
}

// One pass. oneDNN chooses the order of weights, and of images with `own_images`.
struct Convolution {
  Closure run, read, write;  // read and write: what stands in another order than ours

  Convolution(Pass pass, const Conv2d& c, const ConvMemory& m, bool own_images) {
    const Library& lib = library();
    const Array arrays[] = {images(m.x, c.N, c.C, c.H, c.W, kSrc, kDiffSrc, kSrcDesc), weights(m.w, c),
                            images(m.y, c.N, c.O, c.height(), c.width(), kDst, kDiffDst, kDstDesc)};
    Handle wanted[3];
    for (int i = 0; i < 3; i++) wanted[i] = arrays[i].described(i == 1 || own_images);
    const Dims strides = {c.stride, c.stride}, dilations = {}, padding = {c.padding, c.padding};
    const auto [x, w, y] = wanted;
    const int64_t *s = strides, *d = dilations, *p = padding;
    Handle forward = nullptr, pd = nullptr, none = nullptr;
    lib.call("dnnl_convolution_forward_primitive_desc_create", &forward, lib.engine, (int)kTraining, int(kDirect), x, w,
             none, y, s, d, p, p, none);
    if (pass == Pass::forward) pd = forward;
    if (pass == Pass::input_gradient)
      lib.call("dnnl_convolution_backward_data_primitive_desc_create", &pd, lib.engine, int(kDirect), x, w, y, s, d, p,
               p, forward, none);
    if (pass == Pass::weight_gradient)
      lib.call("dnnl_convolution_backward_weights_primitive_desc_create", &pd, lib.engine, int(kDirect), x, w, none, y,
               s, d, p, p, forward, none);

    const int result = pass == Pass::forward ? 2 : pass == Pass::input_gradient ? 0 : 1;
    const auto query =
        reinterpret_cast<Handle (*)(Handle, int, int)>(dlsym(lib.handle, "dnnl_primitive_desc_query_md"));
    const auto equal = reinterpret_cast<int (*)(Handle, Handle)>(dlsym(lib.handle, "dnnl_memory_desc_equal"));
    std::vector<Argument> arguments;
    std::vector<Closure> in, out;
    for (int i = 0; i < 3; i++) {
      const Array& a = arrays[i];
      const bool gradient = pass != Pass::forward && (i == result || i == 2);
      const Handle ours = a.described(false), theirs = query(pd, gradient ? a.gradient_desc : a.desc, 0);
      const bool same = equal(ours, theirs);
      const Handle given = memory_of(ours, a.data), used = same ? given : memory_of(theirs, nullptr);
      if (!same) {
        if (i == result)
          out.push_back(reordered(theirs, used, ours, given));
        else
          in.push_back(reordered(ours, given, theirs, used));
      }
      arguments.push_back({gradient ? a.gradient : a.argument, used});
    }
    run = executed(pd, arguments);
    read = [in] {
      for (const Closure& one : in) one();
    };
    write = [out] {
      for (const Closure& one : out) one();
    };
  }
};

// Whether oneDNN gets through a pass: where a virtual machine hides the sizes of its caches, it may divide by them.
bool survives(Pass pass, const Conv2d& conv, const ConvMemory& memory, bool own_images) {
  const pid_t child = fork();
  if (child == 0) {
    Convolution(pass, conv, memory, own_images).run();
    _exit(0);
  }
  int status = 0;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
}  // namespace

Peer onednn_in_own_order(Pass pass, const Conv2d& conv, const ConvMemory& memory) {
  Peer peer = {"oneDNN", {}};
  if (!library().handle || !survives(pass, conv, memory, true)) return peer;
  const Convolution c(pass, conv, memory, true);
  c.read();
  peer.call = c.run;
  peer.fetch = c.write;
  return peer;
}

Peer onednn_channels_last(Pass pass, const Conv2d& conv, const ConvMemory& memory) {
  Peer peer = {"oneDNN channels_last", {}};
  if (!library().handle || !survives(pass, conv, memory, false)) return peer;
  const Convolution c(pass, conv, memory, false);
  peer.call = [=] { c.read(), c.run(), c.write(); };
  return peer;
}

}  // namespace bench
