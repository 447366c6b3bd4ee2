/* Narrow floats, one at a time: what the vector versions must agree with, bit by bit.

   bf16 is the upper half of a float; fp16 is IEEE binary16; fp8 follows OCP's "8-bit Floating Point
   Specification" (e5m2 is the upper half of an fp16, e4m3 has no infinity). Rounding is to nearest,
   ties to even; a NaN stays one. */
#ifndef ZB_CORE_NARROW_H
#define ZB_CORE_NARROW_H

#include <stdint.h>
#include <string.h>

static inline float float_of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint32_t bits_of_float(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float bf16_to_float(uint16_t x)
{
    return float_of_bits((uint32_t)x << 16);
}

static inline uint16_t bf16_of_float(float x)
{
    uint32_t bits = bits_of_float(x);
    if ((bits & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static inline float fp16_to_float(uint16_t x)
{
    uint32_t sign = (uint32_t)(x & 0x8000) << 16, rest = (uint32_t)(x & 0x7fff) << 13;
    if (rest >= 0x7c00u << 13) /* infinity, NaN */
        return float_of_bits(sign | 0x7f800000 | (rest & 0x7fffff) | ((rest & 0x7fffff) ? 0x400000 : 0));
    /* The exponent's bias differs by 112; the multiplication also turns subnormals into normal numbers. */
    float magnitude = float_of_bits(rest) * 0x1p112f;
    return float_of_bits(bits_of_float(magnitude) | sign);
}

static inline uint16_t fp16_of_float(float x)
{
    uint32_t bits = bits_of_float(x), sign = bits >> 16 & 0x8000, rest = bits & 0x7fffffff;
    if (rest > 0x7f800000)
        return (uint16_t)(sign | 0x7e00 | (rest >> 13 & 0x3ff));
    if (rest >= 0x477ff000) /* rounds to 2^16 or more */
        return (uint16_t)(sign | 0x7c00);
    if (rest < 0x38800000) /* subnormal: adding 1/2 lets the FPU round at 2^-24 */
        return (uint16_t)(sign | (bits_of_float(float_of_bits(rest) + 0.5f) - 0x3f000000));
    rest += 0xfff + (rest >> 13 & 1);
    return (uint16_t)(sign | (rest - 0x38000000) >> 13);
}

static inline float e5m2_to_float(uint8_t x)
{
    return fp16_to_float((uint16_t)(x << 8));
}

static inline float e4m3_to_float(uint8_t x)
{
    uint32_t sign = (uint32_t)(x & 0x80) << 24, rest = (uint32_t)(x & 0x7f) << 20;
    if ((x & 0x7f) == 0x7f)
        return float_of_bits(sign | 0x7fc00000);
    return float_of_bits(bits_of_float(float_of_bits(rest) * 0x1p120f) | sign);
}

#endif
