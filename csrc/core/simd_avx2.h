/* See core/simd.h. */
#ifndef ZB_CORE_SIMD_AVX2_H
#define ZB_CORE_SIMD_AVX2_H

#include <immintrin.h>

enum { F32_LANES = 8, F64_LANES = 4 };
typedef __m256 f32_vec;
typedef __m256d f64_vec;

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
        _mm_store_sd((double *)(void *)to, _mm_castps_pd(half));
        to += 2;
        half = _mm_movehl_ps(half, half);
    }
    if (count & 1)
        _mm_store_ss(to, half);
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
