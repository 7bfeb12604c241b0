// The reference target: plain loops with double arithmetic, over float or double storage. Never fast, always
// understandable.
#define ANNEAL_TARGET reference
#define ANNEAL_REFERENCE 1
#include "../kernel_table.h"
#define ANNEAL_FAMILY_FILE reference.h
#include "../kernels/families.inc"

namespace anneal {
namespace reference {

enum RowFlags { INPLACE = 1, UPDATE = 2 };

// Storage is double where a float operand is. Updates keep their hyper-parameters in double always, so there only
// outputs count.
static bool in_double(const Call& call, int flags) {
  for (int i = 0; i < call.outputs; i++)
    if (call.out[i].data && call.out[i].dtype == DType::f64) return true;
  if (flags & UPDATE) return false;
  for (int i = 0; i < call.inputs; i++)
    if (call.in[i].data && call.in[i].dtype == DType::f64) return true;
  return false;
}

#define ANNEAL_OP(name, outputs, inputs, attrs, flags)         \
  static void name##_row(const Call& call, Context& context) { \
    if (in_double(call, flags))                                \
      reference_##name<double>(call, context);                 \
    else                                                       \
      reference_##name<float>(call, context);                  \
  }
#include "../ops.def"
#undef ANNEAL_OP
}  // namespace reference

extern const KernelTable reference_table;
const KernelTable reference_table = {"reference",
                                     1,
                                     {
#define ANNEAL_OP(name, ...) {reference::name##_row, nullptr, nullptr},
#include "../ops.def"
#undef ANNEAL_OP
                                     }};
}  // namespace anneal
