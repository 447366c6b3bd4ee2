/* Every reduction of every instruction set that this CPU has, real or emulated, against one element at a time in the
   plainest C. Prints a line for each instruction set; exit code 1 with the first case that differs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coll/reduce.h"
#include "core/cpu.h"
#include "core/dtype.h"
#include "core/narrow.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct {
    int number;
    const char *name;
} ISAS[] = {{ZB_PORTABLE, "portable"}, {ZB_AVX2, "avx2"}, {ZB_AVX512, "avx512"}, {ZB_NEON, "neon"}};

typedef struct {
    int number;
    const char *name;
    int is_float, is_signed;
    uint64_t exponent, nan; /* of a float: the bits of its exponent, the NaN of minimum and maximum */
} type;

static const type TYPES[] = {
    {ZB_FP64, "fp64", 1, 1, 0x7ff0000000000000, 0x7ff8000000000000},
    {ZB_FP32, "fp32", 1, 1, 0x7f800000, 0x7fc00000},
    {ZB_FP16, "fp16", 1, 1, 0x7c00, 0x7e00},
    {ZB_BF16, "bf16", 1, 1, 0x7f80, 0x7fc0},
    {ZB_INT8, "int8", 0, 1, 0, 0},
    {ZB_UINT8, "uint8", 0, 0, 0, 0},
    {ZB_INT32, "int32", 0, 1, 0, 0},
    {ZB_UINT32, "uint32", 0, 0, 0, 0},
    {ZB_INT64, "int64", 0, 1, 0, 0},
    {ZB_UINT64, "uint64", 0, 0, 0, 0},
};

static uint64_t sign_of(const type *t)
{
    return (uint64_t)1 << (8 * zb_dtype_bytes(t->number) - 1);
}

static double number(const type *t, uint64_t bits)
{
    double wide;
    switch (t->number) {
    case ZB_FP32:
        return float_of_bits((uint32_t)bits);
    case ZB_FP16:
        return fp16_to_float((uint16_t)bits);
    case ZB_BF16:
        return bf16_to_float((uint16_t)bits);
    default:
        memcpy(&wide, &bits, sizeof wide);
        return wide;
    }
}

/* Of a result that was made in the type in which sums are made. */
static uint64_t bits_of(const type *t, double result)
{
    uint64_t wide;
    switch (t->number) {
    case ZB_FP32:
        return bits_of_float((float)result);
    case ZB_FP16:
        return fp16_of_float((float)result);
    case ZB_BF16:
        return bf16_of_float((float)result);
    default:
        memcpy(&wide, &result, sizeof wide);
        return wide;
    }
}

static uint64_t naive_float(const type *t, int redop, uint64_t a, uint64_t b)
{
    double x = number(t, a), y = number(t, b);
    int wide = t->number == ZB_FP64;
    if (redop == ZB_SUM)
        return bits_of(t, wide ? x + y : (float)x + (float)y);
    if (redop == ZB_PROD)
        return bits_of(t, wide ? x * y : (float)x * (float)y);
    if (isnan(x) || isnan(y))
        return t->nan;
    int a_is_less = x < y || (x == y && (a & sign_of(t)));
    return a_is_less == (redop == ZB_MIN) ? a : b;
}

static int64_t widened(const type *t, uint64_t bits)
{
    uint64_t sign = sign_of(t);
    return (int64_t)(t->is_signed && bits & sign ? bits | ~(sign | (sign - 1)) : bits);
}

static uint64_t naive_integer(const type *t, int redop, uint64_t a, uint64_t b)
{
    int less = t->is_signed ? widened(t, a) < widened(t, b) : a < b;
    switch (redop) {
    case ZB_SUM:
        return a + b;
    case ZB_PROD:
        return a * b;
    case ZB_MIN:
        return less ? a : b;
    case ZB_MAX:
        return less ? b : a;
    case ZB_BAND:
        return a & b;
    case ZB_BOR:
        return a | b;
    default:
        return a ^ b;
    }
}

static uint64_t naive_quotient(const type *t, uint64_t a, int64_t ranks)
{
    if (t->number == ZB_FP64)
        return bits_of(t, number(t, a) * (1 / (double)ranks));
    if (t->is_float)
        return bits_of(t, (float)number(t, a) * (1 / (float)ranks));
    return t->is_signed ? (uint64_t)(widened(t, a) / ranks) : a / (uint64_t)ranks;
}

static uint64_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return *state >> 32 ^ *state << 24;
}

/* All bit patterns alike, and of floats zeros, subnormals, infinities and NaNs besides. */
static uint64_t any(const type *t, uint64_t *state)
{
    uint64_t bits = next_random(state) & (sign_of(t) | (sign_of(t) - 1));
    switch (t->is_float ? next_random(state) % 16 : 15) {
    case 0:
        return bits & sign_of(t);
    case 1:
        return bits & ~t->exponent;
    case 2:
        return (bits & sign_of(t)) | t->exponent;
    case 3:
        return bits | t->exponent;
    default:
        return bits;
    }
}

enum { ELEMENTS = 200, OFFSET = 3, RANKS = 7 }; /* OFFSET: bytes past every alignment */

static unsigned char left[8 * ELEMENTS + OFFSET], right[8 * ELEMENTS + OFFSET], out[8 * ELEMENTS + OFFSET];

/* As on all CPUs that have one of these, the lowest byte comes first. */
static uint64_t element(const type *t, const unsigned char *memory, int64_t i)
{
    uint64_t bits = 0;
    memcpy(&bits, memory + i * zb_dtype_bytes(t->number) + OFFSET, (size_t)zb_dtype_bytes(t->number));
    return bits;
}

/* redop ZB_REDOPS: a quotient. A NaN of a sum may be any. */
static void compare(int isa, const type *t, int redop, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        uint64_t a = element(t, left, i), b = element(t, right, i), found = element(t, out, i);
        uint64_t wanted = redop == ZB_REDOPS ? naive_quotient(t, a, RANKS)
                          : t->is_float      ? naive_float(t, redop, a, b)
                                             : naive_integer(t, redop, a, b);
        wanted &= sign_of(t) | (sign_of(t) - 1);
        int both_nan = t->is_float && isnan(number(t, wanted)) && (found & t->nan) == t->nan;
        if (found != wanted && !(both_nan && redop != ZB_MIN && redop != ZB_MAX)) {
            printf("differs: %s %s redop=%d %lld of %lld: %llx, %llx gave %llx instead of %llx\n", ISAS[isa].name, t->name,
                   redop, (long long)i, (long long)count, (unsigned long long)a, (unsigned long long)b,
                   (unsigned long long)found, (unsigned long long)wanted);
            exit(1);
        }
    }
}

static int check(int isa, const type *t, int64_t count)
{
    int cases = 0;
    int64_t bytes = count * zb_dtype_bytes(t->number);
    for (int redop = 0; redop <= ZB_REDOPS; redop++) {
        memset(out, 0, sizeof out);
        int status = redop == ZB_REDOPS
                         ? zb_coll_scale(ISAS[isa].number, t->number, out + OFFSET, left + OFFSET, bytes, RANKS)
                         : zb_coll_reduce(ISAS[isa].number, t->number, redop, out + OFFSET, left + OFFSET,
                                          right + OFFSET, bytes);
        if ((status == 0) == (t->is_float && redop >= ZB_BAND && redop < ZB_REDOPS)) {
            printf("%s %s redop=%d gave status %d\n", ISAS[isa].name, t->name, redop, status);
            exit(1);
        }
        if (status != 0)
            continue;
        compare(isa, t, redop, count);
        cases++;
    }
    return cases;
}

/* Arguments name instruction sets that must have been checked. */
int main(int count, char **names)
{
    int cases[COUNT(ISAS)] = {0};
    uint64_t state = 1;
    for (size_t i = 0; i < COUNT(TYPES); i++) {
        const type *t = &TYPES[i];
        for (int64_t elements = 0; elements <= ELEMENTS; elements++) {
            for (int64_t at = 0; at < elements; at++) {
                uint64_t a = any(t, &state), b = any(t, &state);
                memcpy(left + at * zb_dtype_bytes(t->number) + OFFSET, &a, (size_t)zb_dtype_bytes(t->number));
                memcpy(right + at * zb_dtype_bytes(t->number) + OFFSET, &b, (size_t)zb_dtype_bytes(t->number));
            }
            for (size_t isa = 0; isa < COUNT(ISAS); isa++)
                if (zb_coll_isa(ISAS[isa].number) >= 0)
                    cases[isa] += check((int)isa, t, elements);
        }
    }
    for (size_t isa = 0; isa < COUNT(ISAS); isa++)
        if (cases[isa])
            printf("%s: %d reductions equal those of one element at a time\n", ISAS[isa].name, cases[isa]);
    for (int i = 1; i < count; i++) {
        size_t isa = 0;
        while (isa < COUNT(ISAS) && (strcmp(names[i], ISAS[isa].name) != 0 || !cases[isa]))
            isa++;
        if (isa == COUNT(ISAS)) {
            printf("%s: not on this CPU\n", names[i]);
            return 1;
        }
    }
    return 0;
}
