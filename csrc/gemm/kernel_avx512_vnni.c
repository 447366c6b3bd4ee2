/* Integers in fours of bytes: unsigned times signed, added up in int32 by one instruction. */
#include <stddef.h>

#include "core/dtype.h"
#include "core/simd.h"
#include "gemm/kernel.h"

#ifdef __AVX512VNNI__
static inline __m512i along(const void *from)
{
    return _mm512_loadu_si512(from);
}

/* Byte r of word j is row[r][j]. */
static inline __m512i across(const void *from, int64_t k_step)
{
    const char *row = from;
    __m512i word = _mm512_setzero_si512();
    for (int r = 0; r < 4; r++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(row + r * k_step));
        word = _mm512_or_si512(word, _mm512_sllv_epi32(_mm512_cvtepu8_epi32(bytes), _mm512_set1_epi32(8 * r)));
    }
    return word;
}

static inline i32_vec i32_flip(i32_vec words)
{
    return _mm512_xor_si512(words, _mm512_set1_epi32((int32_t)0x80808080));
}

#define ROWS 12
#define VECTORS 2
#define DOT_ROWS 8
#define DOT_LINES 3
#define NAME(name) fours_##name
#define ADD(sum, a, b) _mm512_dpbusd_epi32(sum, a, b)
#include "gemm/fours.inc"

const zb_gemm_kernel *zb_gemm_kernel_avx512_vnni(int dtype)
{
    return find(dtype);
}
#else
const zb_gemm_kernel *zb_gemm_kernel_avx512_vnni(int dtype)
{
    (void)dtype;
    return NULL;
}
#endif
