/* See core/simd.h. */
#ifndef ZB_CORE_SIMD_AVX512_H
#define ZB_CORE_SIMD_AVX512_H

#include <immintrin.h>

enum { F32_LANES = 16, F64_LANES = 8 };
typedef __m512 f32_vec;
typedef __m512d f64_vec;

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
