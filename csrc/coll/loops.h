/* Loops over elements that compilers make vectors of, at any address, and where the target is an operand. */
#ifndef ZB_COLL_LOOPS_H
#define ZB_COLL_LOOPS_H

#include <stdint.h>

/* No element depends on another: without that word a compiler takes the scalar loop where the target is an operand. */
#ifdef __clang__
#pragma clang diagnostic ignored "-Wpass-failed" /* a loop without vectors is slow, not wrong */
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define INDEPENDENT _Pragma("GCC ivdep")
#endif

/* A type at any address, whatever it was written as. */
#define ANYWHERE(type) type __attribute__((aligned(1), may_alias))

/* dst[i] = value, an expression of x = a[i] and y = b[i]. */
#define COMBINE(name, type, value)                                                                                     \
    static void name(void *dst, const void *a, const void *b, int64_t bytes)                                           \
    {                                                                                                                  \
        typedef ANYWHERE(type) item;                                                                                   \
        const item *left = a, *right = b;                                                                              \
        item *out = dst;                                                                                               \
        INDEPENDENT                                                                                                    \
        for (int64_t i = 0; i < bytes / (int64_t)sizeof(type); i++) {                                                  \
            const type x = left[i], y = right[i];                                                                      \
            out[i] = (type)(value);                                                                                    \
        }                                                                                                              \
    }

/* Of elements of two bytes, two at a time: value is an expression of words of two. */
#define COMBINE_PAIRS(name, value)                                                                                     \
    static void name(void *dst, const void *a, const void *b, int64_t bytes)                                           \
    {                                                                                                                  \
        typedef ANYWHERE(uint16_t) item;                                                                               \
        typedef ANYWHERE(uint32_t) pair;                                                                               \
        INDEPENDENT                                                                                                    \
        for (int64_t i = 0; i < bytes / 4; i++) {                                                                      \
            const uint32_t x = ((const pair *)a)[i], y = ((const pair *)b)[i];                                         \
            ((pair *)dst)[i] = value;                                                                                  \
        }                                                                                                              \
        if (bytes % 4) {                                                                                               \
            const uint32_t x = ((const item *)a)[bytes / 2 - 1], y = ((const item *)b)[bytes / 2 - 1];                 \
            ((item *)dst)[bytes / 2 - 1] = (uint16_t)(value);                                                          \
        }                                                                                                              \
    }

/* dst[i] = value, an expression of x = src[i] and of `by`, which is made of the number of ranks. */
#define DIVIDE(name, type, divisor, made, value)                                                                       \
    static void name(void *dst, const void *src, int64_t bytes, int64_t ranks)                                         \
    {                                                                                                                  \
        typedef ANYWHERE(type) item;                                                                                   \
        const item *from = src;                                                                                        \
        item *out = dst;                                                                                               \
        const divisor by = made;                                                                                       \
        INDEPENDENT                                                                                                    \
        for (int64_t i = 0; i < bytes / (int64_t)sizeof(type); i++) {                                                  \
            const type x = from[i];                                                                                    \
            out[i] = (type)(value);                                                                                    \
        }                                                                                                              \
    }

#endif
