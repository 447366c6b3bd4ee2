/* bf16 in pairs: one instruction adds the products of both to an fp32 sum. It rounds otherwise than fp32 FMAs and takes
   subnormals for zero (Intel SDM, VDPBF16PS). */
#include <stddef.h>

#include "core/dtype.h"
#include "core/simd.h"
#include "gemm/kernel.h"

#ifdef __AVX512BF16__
#include "gemm/narrow.inc"

/* Element r of word j is row[r][j]. */
static inline f32_vec across(const uint16_t *from, int64_t k_step)
{
    __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)from));
    __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)(from + k_step)));
    return f32_of_i32(_mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

static inline int32_t one(const uint16_t *from, int64_t k_step, int n)
{
    return (int32_t)(from[0] | (uint32_t)(n > 1 ? from[k_step] : 0) << 16);
}

#define TAIL 0
#define SCALE 1
#define K_UNIT 2
#define ZERO_WORD 0
#define ONES 0
#define OFFSET 0
#define SUM float
#define WORD int32_t
#define LANES F32_LANES
#define S(name) f32_##name
#define W(name) f32_##name
#define AS_W(vector) (vector)
#define ADD(sum, a, b) _mm512_dpbf16_ps(sum, (__m512bh)(a), (__m512bh)(b))
#define SPREAD(word) f32_of_i32(i32_set1(word))
#define LOAD(words) f32_load((const void *)(words))
#define LOAD_FIRST(words, count) f32_load_first((const void *)(words), count)
#define ROWS 12
#define VECTORS 2
#define DOT_ROWS 8
#define DOT_LINES 3
#define NAME(name) pairs_##name
#include "gemm/tile.inc"

#define STORED uint16_t
#define ALONG(from) f32_load((const void *)(from))
#define ACROSS(from, k_step) across(from, k_step)
#define ONE(from, k_step, n) one(from, k_step, n)
#define THIN int32_t
#define THIN_IS_WORD 1
#define LOAD_THIN(words) LOAD(words)
#define PACK(name) bf16_##name
#include "gemm/pack.inc"
#include "gemm/pack_a.inc"
#include "gemm/pack_b.inc"
#include "gemm/thin.inc"

static const zb_gemm_kernel KERNEL = {
    .rows = ROWS,
    .columns = COLUMNS,
    .k_unit = K_UNIT,
    .word_bytes = sizeof(WORD),
    .sum = ZB_FP32,
    .size_a = sizeof(STORED),
    .size_b = sizeof(STORED),
    .pack_a = bf16_pack_a,
    .pack_b = bf16_pack_b,
    .multiply = pairs_multiply,
    .lanes = LANES,
    .spread = bf16_spread,
    .thin_bytes = sizeof(THIN),
    .pack_thin = bf16_pack_thin,
    .thin = bf16_thin,
    .dot = bf16_dot,
    .narrow = narrow,
    .widen = widen,
};

const zb_gemm_kernel *zb_gemm_kernel_avx512_bf16(int dtype)
{
    return dtype == ZB_BF16 ? &KERNEL : NULL;
}
#else
const zb_gemm_kernel *zb_gemm_kernel_avx512_bf16(int dtype)
{
    (void)dtype;
    return NULL;
}
#endif
