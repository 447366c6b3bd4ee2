/* 16 registers of 128 bits: 6 x 2 vectors of sums, 2 of B, 1 of A. Integers one by one as int32. */
#include <stddef.h>

#include "core/dtype.h"
#include "core/simd.h"
#include "gemm/kernel.h"

#define FP32_ROWS 6
#define FP32_VECTORS 2
#define FP64_ROWS 6
#define FP64_VECTORS 2
#define DOT_ROWS 4
#define DOT_LINES 2
#include "gemm/floats.inc"

static inline i32_vec add_product(i32_vec sum, i32_vec a, i32_vec b)
{
    typedef uint32_t u32_vec __attribute__((vector_size(16))); /* wraps around, as hardware does */
    return (i32_vec)((u32_vec)sum + (u32_vec)a * (u32_vec)b);
}

#define FOUR(from) ((i32_vec){(from)[0], (from)[1], (from)[2], (from)[3]})

#define ROWS 6
#define VECTORS 2
#define NAME(name) ones_##name
#define TAIL 0
#define K_UNIT 1
#define ADD(sum, a, b) add_product(sum, a, b)
#define ALONG_S8(from) FOUR(from)
#define ALONG_U8(from) FOUR(from)
#define ACROSS_S8(from, k_step) ((void)(k_step), FOUR(from))
#define ACROSS_U8(from, k_step) ((void)(k_step), FOUR(from))
#define ONE_S8(from, k_step, n) ((void)(k_step), (void)(n), ((int32_t)*(from)))
#define ONE_U8(from, k_step, n) ((void)(k_step), (void)(n), ((int32_t)*(from)))
#include "gemm/integers.inc"

#include "gemm/find.inc"

const zb_gemm_kernel *zb_gemm_kernel_portable(int dtype)
{
    return find(dtype);
}
