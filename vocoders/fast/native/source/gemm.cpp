// What Python must know to pack weights (gemm.h).
#include "gemm.h"

extern "C" int vector_lanes() { return LANES; }
