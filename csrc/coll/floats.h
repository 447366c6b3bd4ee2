/* Floats as bits, without branches, so that loops over them become vectors. */
#ifndef ZB_COLL_FLOATS_H
#define ZB_COLL_FLOATS_H

#include <stdint.h>
#include <string.h>

#include "core/narrow.h"

/* What stands `before` the other; of equal values, which differ in nothing but the sign of a zero, `both`: min takes
   a sign that either has, max one that both have. Neither before nor equal: there is a NaN. */
#define FIRST(name, real, bits, before, both, nan)                                                                     \
    static inline bits name(bits x, bits y)                                                                            \
    {                                                                                                                  \
        real a, b;                                                                                                     \
        memcpy(&a, &x, sizeof a);                                                                                      \
        memcpy(&b, &y, sizeof b);                                                                                      \
        const int left = a before b, right = b before a, same = a == b;                                                \
        const bits equal = same ? x both y : nan;                                                                      \
        const bits other = right ? y : equal;                                                                          \
        return left ? x : other;                                                                                       \
    }

FIRST(fp32_least, float, uint32_t, <, |, 0x7fc00000u)
FIRST(fp32_most, float, uint32_t, >, &, 0x7fc00000u)
FIRST(fp64_least, double, uint64_t, <, |, 0x7ff8000000000000u)
FIRST(fp64_most, double, uint64_t, >, &, 0x7ff8000000000000u)

/* An integer in the order of the floats of 16 bits: all but the sign is inverted where that is set. */
static inline int16_t ordered(int16_t x)
{
    return (int16_t)(x ^ (x >> 15 & 0x7fff));
}

/* `nan` where either is one, that is, beyond `infinity`; else the first. */
static inline int16_t unless_nan(int16_t x, int16_t y, int16_t first, int16_t infinity, int16_t nan)
{
    const int16_t p = x & 0x7fff, q = y & 0x7fff;
    const int16_t most = p > q ? p : q;
    return most > infinity ? nan : first;
}

static inline int16_t narrow_least(int16_t x, int16_t y, int16_t infinity, int16_t nan)
{
    const int16_t first = ordered(x) < ordered(y) ? x : y;
    return unless_nan(x, y, first, infinity, nan);
}

static inline int16_t narrow_most(int16_t x, int16_t y, int16_t infinity, int16_t nan)
{
    const int16_t first = ordered(x) > ordered(y) ? x : y;
    return unless_nan(x, y, first, infinity, nan);
}

/* bf16_of_float of core/narrow.h, in the upper half, of what the CPU calculated from a bf16: a NaN is then quiet
   already, and has no low bits that could carry into its sign (it is the operand's, or the CPU's own with one bit). */
static inline uint32_t bf16_rounded(float x)
{
    const uint32_t bits = bits_of_float(x);
    return (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
}

/* Words of two bf16: a half of a word is a float as it stands or after a shift, and nothing has to be widened. */
static inline uint32_t bf16_pair_sum(uint32_t x, uint32_t y)
{
    const float low = float_of_bits(x << 16) + float_of_bits(y << 16);
    const float high = float_of_bits(x & 0xffff0000) + float_of_bits(y & 0xffff0000);
    return bf16_rounded(high) | bf16_rounded(low) >> 16;
}

static inline uint32_t bf16_pair_product(uint32_t x, uint32_t y)
{
    const float low = float_of_bits(x << 16) * float_of_bits(y << 16);
    const float high = float_of_bits(x & 0xffff0000) * float_of_bits(y & 0xffff0000);
    return bf16_rounded(high) | bf16_rounded(low) >> 16;
}

#endif
