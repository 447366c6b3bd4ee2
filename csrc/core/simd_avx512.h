/* See core/simd.h. */
#ifndef ZB_CORE_SIMD_AVX512_H
#define ZB_CORE_SIMD_AVX512_H

#include <immintrin.h>
#include <stdint.h>

enum { F32_LANES = 16, F64_LANES = 8, I32_LANES = 16 };
typedef __m512 f32_vec;
typedef __m512d f64_vec;
typedef __m512i i32_vec;

static inline f32_vec f32_zero(void) { return _mm512_setzero_ps(); }
static inline f64_vec f64_zero(void) { return _mm512_setzero_pd(); }
static inline f32_vec f32_set1(float x) { return _mm512_set1_ps(x); }
static inline f64_vec f64_set1(double x) { return _mm512_set1_pd(x); }
static inline f32_vec f32_load(const float *from) { return _mm512_loadu_ps(from); }
static inline f64_vec f64_load(const double *from) { return _mm512_loadu_pd(from); }
static inline void f32_store(float *to, f32_vec v) { _mm512_storeu_ps(to, v); }
static inline void f64_store(double *to, f64_vec v) { _mm512_storeu_pd(to, v); }
static inline void f64_stream(double *to, f64_vec v) { _mm512_stream_pd(to, v); }
static inline void store_fence(void) { _mm_sfence(); }
static inline f32_vec f32_add(f32_vec a, f32_vec b) { return _mm512_add_ps(a, b); }
static inline f64_vec f64_add(f64_vec a, f64_vec b) { return _mm512_add_pd(a, b); }
static inline f32_vec f32_mul(f32_vec a, f32_vec b) { return _mm512_mul_ps(a, b); }
static inline f64_vec f64_mul(f64_vec a, f64_vec b) { return _mm512_mul_pd(a, b); }
static inline f32_vec f32_fma(f32_vec a, f32_vec b, f32_vec c) { return _mm512_fmadd_ps(a, b, c); }
static inline f64_vec f64_fma(f64_vec a, f64_vec b, f64_vec c) { return _mm512_fmadd_pd(a, b, c); }

static inline i32_vec i32_zero(void) { return _mm512_setzero_si512(); }
static inline i32_vec i32_set1(int32_t x) { return _mm512_set1_epi32(x); }
static inline i32_vec i32_load(const void *from) { return _mm512_loadu_si512(from); }
static inline void i32_store(void *to, i32_vec v) { _mm512_storeu_si512(to, v); }
static inline i32_vec i32_add(i32_vec a, i32_vec b) { return _mm512_add_epi32(a, b); }
static inline f32_vec f32_of_i32(i32_vec v) { return _mm512_castsi512_ps(v); }
static inline i32_vec i32_pairs(i32_vec a, i32_vec b) { return _mm512_madd_epi16(a, b); }
static inline i32_vec i32_widen_s8(const int8_t *from)
{
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)from));
}
static inline i32_vec i32_widen_u8(const uint8_t *from)
{
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)from));
}
/* Words of two int16, one from each row. */
static inline i32_vec i32_pair_s8(const int8_t *low, const int8_t *high)
{
    __m512i a = _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)low));
    __m512i b = _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)high));
    return _mm512_mask_blend_epi16(0xaaaaaaaa, a, _mm512_slli_epi32(b, 16));
}
static inline i32_vec i32_pair_u8(const uint8_t *low, const uint8_t *high)
{
    __m512i a = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)low));
    __m512i b = _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)high));
    return _mm512_or_si512(a, _mm512_slli_epi32(b, 16));
}

static inline float f32_sum(f32_vec v) { return _mm512_reduce_add_ps(v); }
static inline double f64_sum(f64_vec v) { return _mm512_reduce_add_pd(v); }
static inline int32_t i32_sum(i32_vec v) { return _mm512_reduce_add_epi32(v); }

static inline f32_vec f32_load_first(const float *from, int count)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), from);
}

static inline f64_vec f64_load_first(const double *from, int count)
{
    return _mm512_maskz_loadu_pd((__mmask8)((1u << count) - 1), from);
}

static inline i32_vec i32_load_first(const int32_t *from, int count)
{
    return _mm512_maskz_loadu_epi32((__mmask16)((1u << count) - 1), from);
}

static inline void i32_store_first(int32_t *to, i32_vec v, int count)
{
    _mm512_mask_storeu_epi32(to, (__mmask16)((1u << count) - 1), v);
}

static inline f32_vec f32_load_bf16(const uint16_t *from)
{
    __m256i half = _mm256_loadu_si256((const __m256i *)(const void *)from);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

static inline f32_vec f32_load_fp16(const uint16_t *from)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)from));
}

static inline f32_vec f32_load_e5m2(const uint8_t *from)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)from);
    return _mm512_cvtph_ps(_mm256_slli_epi16(_mm256_cvtepu8_epi16(bytes), 8));
}

/* Placed in an fp16 an e4m3 is 2^8 too small, because the biases differ by 8. */
static inline f32_vec f32_load_e4m3(const uint8_t *from)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)from);
    __m256i wide = _mm256_cvtepu8_epi16(bytes), rest = _mm256_and_si256(wide, _mm256_set1_epi16(0x7f));
    __m256i sign = _mm256_slli_epi16(_mm256_and_si256(wide, _mm256_set1_epi16(0x80)), 8);
    __m256i half = _mm256_or_si256(sign, _mm256_slli_epi16(rest, 7));
    half = _mm256_mask_mov_epi16(half, _mm256_cmpeq_epi16_mask(rest, _mm256_set1_epi16(0x7f)),
                                 _mm256_or_si256(sign, _mm256_set1_epi16(0x7e00)));
    return _mm512_mul_ps(_mm512_cvtph_ps(half), _mm512_set1_ps(256));
}

static inline void f32_store_bf16(uint16_t *to, f32_vec v)
{
    __m512i bits = _mm512_castps_si512(v), odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
    __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x400000));
    __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    __m512i upper = _mm512_srli_epi32(_mm512_mask_mov_epi32(rounded, nan, quiet), 16);
    _mm256_storeu_si256((__m256i *)(void *)to, _mm512_cvtepi32_epi16(upper));
}

static inline void f32_store_fp16(uint16_t *to, f32_vec v)
{
    _mm256_storeu_si256((__m256i *)(void *)to, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

static inline void f32_store_first(float *to, f32_vec v, int count)
{
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << count) - 1), v);
}

static inline void f64_store_first(double *to, f64_vec v, int count)
{
    _mm512_mask_storeu_pd(to, (__mmask8)((1u << count) - 1), v);
}

static inline void f32_transpose(f32_vec r[16])
{
    f32_vec t[16], q[16];
    for (int i = 0; i < 8; i++) {
        t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    /* 128-bit lane l of q[4i + j] becomes column 4l + j of rows 4i .. 4i + 3. */
    for (int i = 0; i < 4; i++)
        for (int h = 0; h < 2; h++) {
            __m512d low = _mm512_castps_pd(t[4 * i + h]), high = _mm512_castps_pd(t[4 * i + 2 + h]);
            q[4 * i + 2 * h] = _mm512_castpd_ps(_mm512_unpacklo_pd(low, high));
            q[4 * i + 2 * h + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(low, high));
        }
    for (int j = 0; j < 4; j++) {
        f32_vec even0 = _mm512_shuffle_f32x4(q[j], q[4 + j], 0x88);
        f32_vec odd0 = _mm512_shuffle_f32x4(q[j], q[4 + j], 0xdd);
        f32_vec even1 = _mm512_shuffle_f32x4(q[8 + j], q[12 + j], 0x88);
        f32_vec odd1 = _mm512_shuffle_f32x4(q[8 + j], q[12 + j], 0xdd);
        r[j] = _mm512_shuffle_f32x4(even0, even1, 0x88);
        r[4 + j] = _mm512_shuffle_f32x4(odd0, odd1, 0x88);
        r[8 + j] = _mm512_shuffle_f32x4(even0, even1, 0xdd);
        r[12 + j] = _mm512_shuffle_f32x4(odd0, odd1, 0xdd);
    }
}

static inline void f64_transpose(f64_vec r[8])
{
    f64_vec t[8];
    /* 128-bit lane l of t[2i + j] becomes column 2l + j of rows 2i, 2i + 1. */
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm512_unpacklo_pd(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_pd(r[2 * i], r[2 * i + 1]);
    }
    for (int j = 0; j < 2; j++) {
        f64_vec even0 = _mm512_shuffle_f64x2(t[j], t[2 + j], 0x88);
        f64_vec odd0 = _mm512_shuffle_f64x2(t[j], t[2 + j], 0xdd);
        f64_vec even1 = _mm512_shuffle_f64x2(t[4 + j], t[6 + j], 0x88);
        f64_vec odd1 = _mm512_shuffle_f64x2(t[4 + j], t[6 + j], 0xdd);
        r[j] = _mm512_shuffle_f64x2(even0, even1, 0x88);
        r[2 + j] = _mm512_shuffle_f64x2(odd0, odd1, 0x88);
        r[4 + j] = _mm512_shuffle_f64x2(even0, even1, 0xdd);
        r[6 + j] = _mm512_shuffle_f64x2(odd0, odd1, 0xdd);
    }
}

#endif
