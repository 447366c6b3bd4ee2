/* bf16 by squares of 2 x 2 fp32 sums over fours of elements (BFMMLA); lines along k by BFDOT. Both round otherwise than
   fp32 FMAs, and take subnormals for zero (Arm Architecture Reference Manual, "BFloat16 behaviors"). */
#include <stddef.h>

#include "core/dtype.h"
#include "core/simd.h"
#include "gemm/kernel.h"
#include "gemm/unroll.h"

#ifdef __ARM_FEATURE_BF16_VECTOR_ARITHMETIC
#include "gemm/narrow.inc"

static inline int64_t one(const uint16_t *from, int64_t k_step, int n)
{
    uint64_t word = 0;
    for (int r = 0; r < n; r++)
        word |= (uint64_t)from[r * k_step] << 16 * r;
    return (int64_t)word;
}

/* Element r of word j is row[r][j]. */
static inline f32_vec across(const uint16_t *from, int64_t k_step)
{
    return (f32_vec)(int64x2_t){one(from, k_step, 4), one(from + 1, k_step, 4)};
}

#define ROWS 8
#define COLUMNS 12
#define LANES 2
#define TAIL 0
#define SCALE 1
#define SUM float
#define SUM_DTYPE ZB_FP32
#define WORD int64_t
#define S(name) f32_##name
#define NARROW narrow
#define WIDEN widen

#define STORED uint16_t
#define K_UNIT 4
#define W(name) f64_##name
#define AS_W(vector) ((f64_vec)(vector))
#define ZERO_WORD 0
#define ALONG(from) f32_load((const void *)(from))
#define ACROSS(from, k_step) across(from, k_step)
#define ONE(from, k_step, n) one(from, k_step, n)
#define PACK(name) fours_##name
#include "gemm/pack.inc"
#include "gemm/pack_a.inc"
#include "gemm/pack_b.inc"

#define SQUARE(sum, a, b) ((f32_vec)vbfmmlaq_f32((float32x4_t)(sum), (bfloat16x8_t)(a), (bfloat16x8_t)(b)))
#define ADD(sum, a, b) ((f32_vec)vbfdotq_f32((float32x4_t)(sum), (bfloat16x8_t)(a), (bfloat16x8_t)(b)))
#define NAME(name) bf16_##name
#include "gemm/squares.inc"
#include "gemm/squares_kernel.inc"

const zb_gemm_kernel *zb_gemm_kernel_neon_bf16(int dtype)
{
    return dtype == ZB_BF16 ? &bf16_kernel : NULL;
}
#else
const zb_gemm_kernel *zb_gemm_kernel_neon_bf16(int dtype)
{
    (void)dtype;
    return NULL;
}
#endif
