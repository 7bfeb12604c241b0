// The checks of all rows: verify_<row>, in the verify.h of each row's family.
#include "verify.h"

#define ANNEAL_FAMILY_FILE verify.h
#include "kernels/families.inc"

namespace anneal {

const RowCheck kRowChecks[kRows] = {
#define ANNEAL_OP(name, ...) verify_##name,
#include "ops.def"
#undef ANNEAL_OP
};

}  // namespace anneal
