/* Integers in fours of bytes: signed times signed, added up in int32 by one instruction (SDOT). */
#include <stddef.h>

#include "core/dtype.h"
#include "core/simd.h"
#include "gemm/kernel.h"

#ifdef __ARM_FEATURE_DOTPROD
static inline i32_vec dot(i32_vec sum, i32_vec a, i32_vec b)
{
    return (i32_vec)vdotq_s32((int32x4_t)sum, (int8x16_t)a, (int8x16_t)b);
}

static inline i32_vec along(const void *from)
{
    return (i32_vec)vld1q_u8(from);
}

/* Byte r of word j is row[r][j]. */
static inline i32_vec across(const void *from, int64_t k_step)
{
    static const uint8_t TURN[16] = {0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15};
    uint32_t rows[4];
    for (int r = 0; r < 4; r++)
        memcpy(&rows[r], (const char *)from + r * k_step, sizeof *rows);
    return (i32_vec)vqtbl1q_u8((uint8x16_t)vld1q_u32(rows), vld1q_u8(TURN));
}

static inline i32_vec i32_flip(i32_vec words)
{
    return words ^ i32_set1((int32_t)0x80808080);
}

#define ROWS 8
#define VECTORS 3
#define DOT_ROWS 8
#define DOT_LINES 3
#define NAME(name) fours_##name
#define SIGNED_WORDS 1
#define ADD(sum, a, b) dot(sum, a, b)
#include "gemm/fours.inc"

const zb_gemm_kernel *zb_gemm_kernel_neon_dotprod(int dtype)
{
    return find(dtype);
}
#else
const zb_gemm_kernel *zb_gemm_kernel_neon_dotprod(int dtype)
{
    (void)dtype;
    return NULL;
}
#endif
