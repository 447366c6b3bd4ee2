/* See core/simd.h. */
#ifndef ZB_CORE_SIMD_AVX2_H
#define ZB_CORE_SIMD_AVX2_H

#include <immintrin.h>
#include <stdint.h>

enum { F32_LANES = 8, F64_LANES = 4, I32_LANES = 8 };
typedef __m256 f32_vec;
typedef __m256d f64_vec;
typedef __m256i i32_vec;

static inline f32_vec f32_zero(void) { return _mm256_setzero_ps(); }
static inline f64_vec f64_zero(void) { return _mm256_setzero_pd(); }
static inline f32_vec f32_set1(float x) { return _mm256_set1_ps(x); }
static inline f64_vec f64_set1(double x) { return _mm256_set1_pd(x); }
static inline f32_vec f32_load(const float *from) { return _mm256_loadu_ps(from); }
static inline f64_vec f64_load(const double *from) { return _mm256_loadu_pd(from); }
static inline void f32_store(float *to, f32_vec v) { _mm256_storeu_ps(to, v); }
static inline void f64_store(double *to, f64_vec v) { _mm256_storeu_pd(to, v); }
static inline void f64_stream(double *to, f64_vec v) { _mm256_stream_pd(to, v); }
static inline void store_fence(void) { _mm_sfence(); }
static inline f32_vec f32_add(f32_vec a, f32_vec b) { return _mm256_add_ps(a, b); }
static inline f64_vec f64_add(f64_vec a, f64_vec b) { return _mm256_add_pd(a, b); }
static inline f32_vec f32_mul(f32_vec a, f32_vec b) { return _mm256_mul_ps(a, b); }
static inline f64_vec f64_mul(f64_vec a, f64_vec b) { return _mm256_mul_pd(a, b); }
static inline f32_vec f32_fma(f32_vec a, f32_vec b, f32_vec c) { return _mm256_fmadd_ps(a, b, c); }
static inline f64_vec f64_fma(f64_vec a, f64_vec b, f64_vec c) { return _mm256_fmadd_pd(a, b, c); }

static inline i32_vec i32_zero(void) { return _mm256_setzero_si256(); }
static inline i32_vec i32_set1(int32_t x) { return _mm256_set1_epi32(x); }
static inline i32_vec i32_load(const void *from) { return _mm256_loadu_si256((const __m256i *)from); }
static inline void i32_store(void *to, i32_vec v) { _mm256_storeu_si256((__m256i *)to, v); }
static inline i32_vec i32_add(i32_vec a, i32_vec b) { return _mm256_add_epi32(a, b); }
static inline f32_vec f32_of_i32(i32_vec v) { return _mm256_castsi256_ps(v); }
static inline i32_vec i32_pairs(i32_vec a, i32_vec b) { return _mm256_madd_epi16(a, b); }
static inline i32_vec i32_widen_s8(const int8_t *from)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)from));
}
static inline i32_vec i32_widen_u8(const uint8_t *from)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)from));
}
/* Words of two int16, one from each row. */
static inline i32_vec i32_pair_s8(const int8_t *low, const int8_t *high)
{
    __m256i a = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)low));
    __m256i b = _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)high));
    return _mm256_blend_epi16(a, _mm256_slli_epi32(b, 16), 0xaa);
}
static inline i32_vec i32_pair_u8(const uint8_t *low, const uint8_t *high)
{
    __m256i a = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)low));
    __m256i b = _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)high));
    return _mm256_or_si256(a, _mm256_slli_epi32(b, 16));
}

static inline float f32_sum(f32_vec v)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

static inline double f64_sum(f64_vec v)
{
    __m128d two = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

static inline int32_t i32_sum(i32_vec v)
{
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    __m128i two = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32(two, 0xb1)));
}

/* Lanes below `count` set; a sliding window over ones and zeros. */
static inline __m256i first_lanes(int count)
{
    static const int32_t WINDOW[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(const void *)(WINDOW + 8 - count));
}

static inline f32_vec f32_load_first(const float *from, int count)
{
    return _mm256_maskload_ps(from, first_lanes(count));
}

static inline f64_vec f64_load_first(const double *from, int count)
{
    return _mm256_maskload_pd(from, first_lanes(2 * count));
}

static inline i32_vec i32_load_first(const int32_t *from, int count)
{
    return _mm256_maskload_epi32((const int *)from, first_lanes(count));
}

static inline f32_vec f32_load_bf16(const uint16_t *from)
{
    __m128i half = _mm_loadu_si128((const __m128i *)(const void *)from);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

static inline f32_vec f32_load_fp16(const uint16_t *from)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)from));
}

static inline f32_vec f32_load_e5m2(const uint8_t *from)
{
    __m128i bytes = _mm_loadl_epi64((const __m128i *)(const void *)from);
    return _mm256_cvtph_ps(_mm_slli_epi16(_mm_cvtepu8_epi16(bytes), 8));
}

/* Placed in an fp16 an e4m3 is 2^8 too small, because the biases differ by 8. */
static inline f32_vec f32_load_e4m3(const uint8_t *from)
{
    __m128i wide = _mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)(const void *)from));
    __m128i rest = _mm_and_si128(wide, _mm_set1_epi16(0x7f));
    __m128i sign = _mm_slli_epi16(_mm_and_si128(wide, _mm_set1_epi16(0x80)), 8);
    __m128i nan = _mm_and_si128(_mm_cmpeq_epi16(rest, _mm_set1_epi16(0x7f)), _mm_set1_epi16(0x7e00));
    __m128i half = _mm_or_si128(sign, _mm_or_si128(_mm_slli_epi16(rest, 7), nan));
    return _mm256_mul_ps(_mm256_cvtph_ps(half), _mm256_set1_ps(256));
}

static inline void f32_store_bf16(uint16_t *to, f32_vec v)
{
    __m256i bits = _mm256_castps_si256(v), odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
    __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    __m256i upper = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
    __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(upper, upper), 0x08);
    _mm_storeu_si128((__m128i *)(void *)to, _mm256_castsi256_si128(packed));
}

static inline void f32_store_fp16(uint16_t *to, f32_vec v)
{
    _mm_storeu_si128((__m128i *)(void *)to, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

/* Plain stores of halves: AVX2's masked store is microcoded on several CPUs. */
static inline void f64_store_first(double *to, f64_vec v, int count)
{
    __m128d half = _mm256_castpd256_pd128(v);
    if (count >= 2) {
        _mm_storeu_pd(to, half);
        to += 2;
        half = _mm256_extractf128_pd(v, 1);
    }
    if (count & 1)
        _mm_store_sd(to, half);
}

static inline void f32_store_first(float *to, f32_vec v, int count)
{
    __m128 half = _mm256_castps256_ps128(v);
    if (count >= 4) {
        _mm_storeu_ps(to, half);
        to += 4;
        half = _mm256_extractf128_ps(v, 1);
    }
    if (count & 2) {
        _mm_storel_pi((__m64 *)(void *)to, half); /* at any alignment, unlike a store of a double */
        to += 2;
        half = _mm_movehl_ps(half, half);
    }
    if (count & 1)
        _mm_store_ss(to, half);
}

static inline void i32_store_first(int32_t *to, i32_vec v, int count)
{
    f32_store_first((float *)(void *)to, _mm256_castsi256_ps(v), count);
}

static inline void f32_transpose(f32_vec r[8])
{
    f32_vec t[8], q[8];
    for (int i = 0; i < 4; i++) {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    /* 128-bit lane l of q[4i + j] becomes column 4l + j of rows 4i .. 4i + 3. */
    for (int i = 0; i < 2; i++)
        for (int h = 0; h < 2; h++) {
            __m256d low = _mm256_castps_pd(t[4 * i + h]), high = _mm256_castps_pd(t[4 * i + 2 + h]);
            q[4 * i + 2 * h] = _mm256_castpd_ps(_mm256_unpacklo_pd(low, high));
            q[4 * i + 2 * h + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(low, high));
        }
    for (int j = 0; j < 4; j++) {
        r[j] = _mm256_permute2f128_ps(q[j], q[4 + j], 0x20);
        r[4 + j] = _mm256_permute2f128_ps(q[j], q[4 + j], 0x31);
    }
}

static inline void f64_transpose(f64_vec r[4])
{
    f64_vec t[4];
    for (int i = 0; i < 2; i++) {
        t[2 * i] = _mm256_unpacklo_pd(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_pd(r[2 * i], r[2 * i + 1]);
    }
    for (int j = 0; j < 2; j++) {
        r[j] = _mm256_permute2f128_pd(t[j], t[2 + j], 0x20);
        r[2 + j] = _mm256_permute2f128_pd(t[j], t[2 + j], 0x31);
    }
}

#endif
