/* Integers by squares of 2 x 2 sums over eights of bytes: SMMLA for signed times signed, USMMLA for unsigned times
   signed; lines along k by SDOT and USDOT. */
#include <stddef.h>

#include "core/dtype.h"
#include "core/simd.h"
#include "gemm/kernel.h"
#include "gemm/unroll.h"

#if defined(__ARM_FEATURE_MATMUL_INT8) && defined(__ARM_FEATURE_DOTPROD)
typedef int8x16_t s8;
typedef uint8x16_t u8;
typedef int32x4_t s32;

static inline int64_t one(const void *from, int64_t k_step, int n)
{
    const uint8_t *bytes = from;
    uint64_t word = 0;
    for (int r = 0; r < n; r++)
        word |= (uint64_t)bytes[r * k_step] << 8 * r;
    return (int64_t)word;
}

/* Byte r of word j is row[r][j]. */
static inline i32_vec across(const void *from, int64_t k_step)
{
    return (i32_vec)(int64x2_t){one(from, k_step, 8), one((const char *)from + 1, k_step, 8)};
}

#define ROWS 8
#define COLUMNS 12
#define LANES 2
#define TAIL 0
#define SCALE 0
#define SUM int32_t
#define SUM_DTYPE ZB_INT32
#define WORD int64_t
#define S(name) i32_##name
#define NARROW NULL
#define WIDEN NULL

/* The bytes of either type are packed alike. */
#define STORED int8_t
#define K_UNIT 8
#define W(name) f64_##name
#define AS_W(vector) ((f64_vec)(vector))
#define ZERO_WORD 0
#define ALONG(from) i32_load(from)
#define ACROSS(from, k_step) across(from, k_step)
#define ONE(from, k_step, n) one(from, k_step, n)
#define PACK(name) bytes_##name
#include "gemm/pack.inc"
#include "gemm/pack_a.inc"
#include "gemm/pack_b.inc"

#define SQUARE(sum, a, b) ((i32_vec)vmmlaq_s32((s32)(sum), (s8)(a), (s8)(b)))
#define ADD(sum, a, b) ((i32_vec)vdotq_s32((s32)(sum), (s8)(a), (s8)(b)))
#define NAME(name) int8_##name
#include "gemm/squares.inc"
#include "gemm/squares_kernel.inc"
#undef SQUARE
#undef ADD
#undef NAME

#define SQUARE(sum, a, b) ((i32_vec)vusmmlaq_s32((s32)(sum), (u8)(a), (s8)(b)))
#define ADD(sum, a, b) ((i32_vec)vusdotq_s32((s32)(sum), (u8)(a), (s8)(b)))
#define NAME(name) u8s8_##name
#include "gemm/squares.inc"
#include "gemm/squares_kernel.inc"

const zb_gemm_kernel *zb_gemm_kernel_neon_i8mm(int dtype)
{
    return dtype == ZB_INT8 ? &int8_kernel : dtype == ZB_U8S8 ? &u8s8_kernel : NULL;
}
#else
const zb_gemm_kernel *zb_gemm_kernel_neon_i8mm(int dtype)
{
    (void)dtype;
    return NULL;
}
#endif
