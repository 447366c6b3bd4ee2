/* Generic C: what a compiler makes of the textbook loop. The baseline and the reference. */
#include "gemm/kernel.h"

#define REAL float
#define NAME zb_gemm_naive_fp32
#include "gemm/naive.inc"
#undef REAL
#undef NAME

#define REAL double
#define NAME zb_gemm_naive_fp64
#include "gemm/naive.inc"
