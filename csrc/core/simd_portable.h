/* See core/simd.h. 128-bit vectors of the compiler: SSE2 on x86-64, NEON with its FMA on aarch64. */
#ifndef ZB_CORE_SIMD_PORTABLE_H
#define ZB_CORE_SIMD_PORTABLE_H

#include <stdint.h>
#include <string.h>

#include "core/narrow.h"

#ifdef __aarch64__
#include <arm_neon.h>
#endif

enum { F32_LANES = 4, F64_LANES = 2, I32_LANES = 4 };
typedef int32_t i32_vec __attribute__((vector_size(16)));
typedef float f32_vec __attribute__((vector_size(16)));
typedef double f64_vec __attribute__((vector_size(16)));

static inline f32_vec f32_zero(void) { return (f32_vec){0}; }
static inline f64_vec f64_zero(void) { return (f64_vec){0}; }
static inline f32_vec f32_set1(float x) { return (f32_vec){x, x, x, x}; }
static inline f64_vec f64_set1(double x) { return (f64_vec){x, x}; }
static inline f32_vec f32_load(const float *from)
{
    f32_vec v;
    memcpy(&v, from, sizeof v);
    return v;
}
static inline f64_vec f64_load(const double *from)
{
    f64_vec v;
    memcpy(&v, from, sizeof v);
    return v;
}
static inline void f32_store(float *to, f32_vec v) { memcpy(to, &v, sizeof v); }
static inline void f64_store(double *to, f64_vec v) { memcpy(to, &v, sizeof v); }
/* No portable name for a store past the caches. */
static inline void f64_stream(double *to, f64_vec v) { f64_store(to, v); }
static inline void store_fence(void) {}
static inline f32_vec f32_add(f32_vec a, f32_vec b) { return a + b; }
static inline f64_vec f64_add(f64_vec a, f64_vec b) { return a + b; }
static inline f32_vec f32_mul(f32_vec a, f32_vec b) { return a * b; }
static inline f64_vec f64_mul(f64_vec a, f64_vec b) { return a * b; }
#ifdef __aarch64__
/* Part of every aarch64; without it kernel and peak probe alike would run at half the rate. */
static inline f32_vec f32_fma(f32_vec a, f32_vec b, f32_vec c) { return vfmaq_f32(c, a, b); }
static inline f64_vec f64_fma(f64_vec a, f64_vec b, f64_vec c) { return vfmaq_f64(c, a, b); }
#else
static inline f32_vec f32_fma(f32_vec a, f32_vec b, f32_vec c) { return a * b + c; }
static inline f64_vec f64_fma(f64_vec a, f64_vec b, f64_vec c) { return a * b + c; }
#endif

static inline i32_vec i32_zero(void) { return (i32_vec){0}; }
static inline i32_vec i32_set1(int32_t x) { return (i32_vec){x, x, x, x}; }
static inline i32_vec i32_load(const void *from)
{
    i32_vec v;
    memcpy(&v, from, sizeof v);
    return v;
}
static inline void i32_store(void *to, i32_vec v) { memcpy(to, &v, sizeof v); }
static inline i32_vec i32_add(i32_vec a, i32_vec b) { return a + b; }
static inline f32_vec f32_of_i32(i32_vec v) { return (f32_vec)v; }

static inline float f32_sum(f32_vec v) { return v[0] + v[2] + (v[1] + v[3]); }
static inline double f64_sum(f64_vec v) { return v[0] + v[1]; }
static inline int32_t i32_sum(i32_vec v)
{
    return (int32_t)((uint32_t)v[0] + (uint32_t)v[1] + (uint32_t)v[2] + (uint32_t)v[3]);
}

static inline f32_vec f32_load_first(const float *from, int count)
{
    f32_vec v = {0};
    for (int i = 0; i < count; i++)
        v[i] = from[i];
    return v;
}

static inline f64_vec f64_load_first(const double *from, int count)
{
    f64_vec v = {0};
    for (int i = 0; i < count; i++)
        v[i] = from[i];
    return v;
}

static inline i32_vec i32_load_first(const int32_t *from, int count)
{
    i32_vec v = {0};
    for (int i = 0; i < count; i++)
        v[i] = from[i];
    return v;
}

static inline void i32_store_first(int32_t *to, i32_vec v, int count)
{
    for (int i = 0; i < count; i++)
        to[i] = v[i];
}

static inline f32_vec f32_load_bf16(const uint16_t *x)
{
    return (f32_vec){bf16_to_float(x[0]), bf16_to_float(x[1]), bf16_to_float(x[2]), bf16_to_float(x[3])};
}

static inline f32_vec f32_load_fp16(const uint16_t *x)
{
    return (f32_vec){fp16_to_float(x[0]), fp16_to_float(x[1]), fp16_to_float(x[2]), fp16_to_float(x[3])};
}

static inline f32_vec f32_load_e5m2(const uint8_t *x)
{
    return (f32_vec){e5m2_to_float(x[0]), e5m2_to_float(x[1]), e5m2_to_float(x[2]), e5m2_to_float(x[3])};
}

static inline f32_vec f32_load_e4m3(const uint8_t *x)
{
    return (f32_vec){e4m3_to_float(x[0]), e4m3_to_float(x[1]), e4m3_to_float(x[2]), e4m3_to_float(x[3])};
}

static inline void f32_store_bf16(uint16_t *to, f32_vec v)
{
    for (int i = 0; i < F32_LANES; i++)
        to[i] = bf16_of_float(v[i]);
}

static inline void f32_store_fp16(uint16_t *to, f32_vec v)
{
    for (int i = 0; i < F32_LANES; i++)
        to[i] = fp16_of_float(v[i]);
}

static inline void f32_store_first(float *to, f32_vec v, int count)
{
    for (int i = 0; i < count; i++)
        to[i] = v[i];
}

static inline void f64_store_first(double *to, f64_vec v, int count)
{
    for (int i = 0; i < count; i++)
        to[i] = v[i];
}

static inline void f32_transpose(f32_vec r[4])
{
    f32_vec t[4];
    for (int i = 0; i < 4; i++)
        t[i] = (f32_vec){r[0][i], r[1][i], r[2][i], r[3][i]};
    for (int i = 0; i < 4; i++)
        r[i] = t[i];
}

static inline void f64_transpose(f64_vec r[2])
{
    f64_vec low = {r[0][0], r[1][0]}, high = {r[0][1], r[1][1]};
    r[0] = low;
    r[1] = high;
}

#endif
