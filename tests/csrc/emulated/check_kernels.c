/* Every path of every instruction set that this CPU has, real or emulated, against the naive kernel: on integers so
   small that every sum is exact in every type, bit for bit. Prints a line for each instruction set; exit code 1 with
   the first case that differs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu.h"
#include "core/dtype.h"
#include "core/narrow.h"
#include "gemm/gemm.h"
#include "stream/stream.h"

typedef struct {
    int number;
    const char *name;
} named;

static const named ISAS[] = {
    {ZB_PORTABLE, "portable"},
    {ZB_AVX2, "avx2"},
    {ZB_AVX512, "avx512"},
    {ZB_AVX512_VNNI, "avx512_vnni"},
    {ZB_AVX512_BF16, "avx512_bf16"},
    {ZB_AMX, "amx"},
    {ZB_NEON, "neon"},
    {ZB_NEON_DOTPROD, "neon_dotprod"},
    {ZB_NEON_I8MM, "neon_i8mm"},
    {ZB_NEON_BF16, "neon_bf16"},
};
static const named DTYPES[] = {
    {ZB_FP64, "fp64"}, {ZB_FP32, "fp32"},       {ZB_BF16, "bf16"},       {ZB_FP16, "fp16"},
    {ZB_INT8, "int8"}, {ZB_FP8E4M3, "fp8e4m3"}, {ZB_FP8E5M2, "fp8e5m2"}, {ZB_U8S8, "u8s8"},
};
static const char *const PATHS[] = {"naive", "packed", "small", "thin"};

typedef struct {
    int64_t m, n, k, batch;
    int transa, transb, prepacked, threads;
    double beta;
    zb_gemm_blocks blocks;
} problem;

/* Blocks far below what caches would choose, so that small problems cross every loop's border. */
#define TINY {24, 16, 32}

static const problem PROBLEMS[] = {
    /* packed: edges of tiles, blocks, every storage order */
    {.m = 97, .n = 99, .k = 101, .batch = 1, .threads = 1},
    {.m = 70, .n = 133, .k = 111, .batch = 1, .threads = 2, .transa = 1, .beta = 1, .blocks = TINY},
    {.m = 110, .n = 95, .k = 95, .batch = 1, .threads = 2, .transb = 1, .beta = 1, .blocks = TINY},
    {.m = 66, .n = 130, .k = 120, .batch = 1, .threads = 1, .transa = 1, .transb = 1},
    {.m = 96, .n = 96, .k = 128, .batch = 1, .threads = 1, .transb = 1},
    {.m = 33, .n = 65, .k = 530, .batch = 1, .threads = 1, .transb = 1},
    {.m = 64, .n = 64, .k = 300, .batch = 1, .threads = 1, .beta = 1},
    {.m = 70, .n = 45, .k = 67, .batch = 1, .threads = 2, .prepacked = 1, .beta = 1, .blocks = TINY},
    {.m = 17, .n = 70, .k = 130, .batch = 1, .threads = 1, .prepacked = 1, .transb = 1},
    /* small */
    {.m = 1, .n = 1, .k = 1, .batch = 1, .threads = 1},
    {.m = 7, .n = 31, .k = 3, .batch = 1, .threads = 1, .beta = 1},
    {.m = 13, .n = 33, .k = 17, .batch = 1, .threads = 1, .transa = 1},
    {.m = 32, .n = 32, .k = 32, .batch = 1, .threads = 1},
    {.m = 25, .n = 35, .k = 37, .batch = 1, .threads = 1, .transb = 1},
    /* batches */
    {.m = 5, .n = 9, .k = 7, .batch = 20, .threads = 2},
    {.m = 33, .n = 40, .k = 21, .batch = 3, .threads = 1, .transb = 1},
    {.m = 100, .n = 105, .k = 90, .batch = 2, .threads = 2, .beta = 1},
    /* thin, weights in place and prepacked: each number of rows that has a way of its own */
    {.m = 1, .n = 13, .k = 130, .batch = 1, .threads = 1, .transb = 1},
    {.m = 2, .n = 4, .k = 67, .batch = 1, .threads = 1, .transb = 1, .beta = 1},
    {.m = 3, .n = 7, .k = 15, .batch = 1, .threads = 2, .transb = 1},
    {.m = 5, .n = 33, .k = 64, .batch = 1, .threads = 1, .transb = 1},
    {.m = 8, .n = 13, .k = 1, .batch = 1, .threads = 1, .transb = 1},
    {.m = 9, .n = 40, .k = 65, .batch = 1, .threads = 1, .transb = 1, .beta = 1},
    {.m = 16, .n = 30, .k = 129, .batch = 1, .threads = 2, .transb = 1},
    {.m = 1, .n = 70, .k = 45, .batch = 1, .threads = 1, .prepacked = 1},
    {.m = 3, .n = 33, .k = 130, .batch = 1, .threads = 1, .prepacked = 1, .transb = 1, .beta = 1},
    {.m = 7, .n = 64, .k = 64, .batch = 1, .threads = 2, .prepacked = 1, .transb = 1},
    {.m = 16, .n = 50, .k = 99, .batch = 1, .threads = 1, .prepacked = 1},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static int64_t size_of(int dtype)
{
    return dtype == ZB_FP64                        ? 8
           : dtype == ZB_FP32 || dtype == ZB_INT32 ? 4
           : dtype == ZB_BF16 || dtype == ZB_FP16  ? 2
                                                   : 1;
}

static uint32_t next_random(uint32_t *state)
{
    return *state = *state * 1664525u + 1013904223u;
}

/* Small integers as fp8: their bits for 0, 1 and 2. */
static uint8_t fp8_of(int dtype, int value)
{
    static const uint8_t E4M3[] = {0, 0x38, 0x40}, E5M2[] = {0, 0x3c, 0x40};
    return (uint8_t)((value < 0 ? 0x80 : 0) | (dtype == ZB_FP8E4M3 ? E4M3 : E5M2)[abs(value)]);
}

static void put(int dtype, void *to, int64_t at, int value)
{
    switch (dtype) {
    case ZB_FP64:
        ((double *)to)[at] = value;
        break;
    case ZB_FP32:
        ((float *)to)[at] = (float)value;
        break;
    case ZB_BF16:
        ((uint16_t *)to)[at] = bf16_of_float((float)value);
        break;
    case ZB_FP16:
        ((uint16_t *)to)[at] = fp16_of_float((float)value);
        break;
    case ZB_FP8E4M3:
    case ZB_FP8E5M2:
        ((uint8_t *)to)[at] = fp8_of(dtype, value);
        break;
    case ZB_INT32:
        ((int32_t *)to)[at] = value;
        break;
    default:
        ((int8_t *)to)[at] = (int8_t)value;
    }
}

/* Values from -2 to 2, of integers from all that the type has: their sums are exact in any case. */
static void *matrix(int dtype, int64_t count, uint32_t seed)
{
    void *memory = malloc((size_t)(count * size_of(dtype)));
    if (!memory)
        exit(2);
    for (int64_t i = 0; i < count; i++) {
        int value = (int)(next_random(&seed) >> 16);
        put(dtype, memory, i, dtype == ZB_INT8 || dtype == ZB_U8S8 ? value : value % 5 - 2);
    }
    return memory;
}

static void stop(const char *what, int isa, int dtype, int out, const problem *p)
{
    printf("%s: %s %s out=%d m=%lld n=%lld k=%lld batch=%lld transa=%d transb=%d prepacked=%d threads=%d beta=%g kc=%lld\n",
           what, ISAS[isa].name, DTYPES[dtype].name, out, (long long)p->m, (long long)p->n, (long long)p->k,
           (long long)p->batch, p->transa, p->transb, p->prepacked, p->threads, p->beta, (long long)p->blocks.kc);
    exit(1);
}

enum { PADDING = 3, ALIGNMENT = 64 }; /* elements behind each row; bytes */

static zb_gemm_request request_of(const problem *p, int dtype, int out)
{
    return (zb_gemm_request){
        .dtype = dtype,
        .out = out,
        .kernel = ZB_GEMM_FAST,
        .transa = p->transa,
        .transb = p->transb,
        .prepacked = p->prepacked,
        .threads = p->threads,
        .m = p->m,
        .n = p->n,
        .k = p->k,
        .batch = p->batch,
        .blocks = p->blocks,
    };
}

/* The path that was taken. */
static int run_fast(int isa, int dtype, int out, const problem *p, zb_gemm_slot slot)
{
    zb_gemm_request request = request_of(p, DTYPES[dtype].number, out);
    request.isa = ISAS[isa].number;
    zb_gemm *plan;
    if (zb_gemm_create(&request, &plan) != 0)
        stop("refused", isa, dtype, out, p);
    void *weights = NULL;
    if (p->prepacked) {
        int64_t bytes = (zb_gemm_weights_bytes(plan) + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
        weights = aligned_alloc(ALIGNMENT, (size_t)bytes);
        if (!weights || zb_gemm_pack_weights(plan, slot.b, slot.ldb, weights) != 0)
            stop("not packed", isa, dtype, out, p);
        slot.b = weights;
    }
    if (zb_gemm_run(plan, 1, p->beta, &slot) != 0)
        stop("failed", isa, dtype, out, p);
    int path = zb_gemm_describe(plan).path;
    zb_gemm_destroy(plan);
    free(weights);
    return path;
}

static void run_naive(int dtype, int out, const problem *p, const zb_gemm_slot *slot)
{
    zb_gemm_request request = request_of(p, DTYPES[dtype].number, out);
    request.kernel = ZB_GEMM_NAIVE;
    request.prepacked = 0;
    request.threads = 1;
    zb_gemm *plan;
    if (zb_gemm_create(&request, &plan) != 0 || zb_gemm_run(plan, 1, p->beta, slot) != 0)
        stop("naive failed", 0, dtype, out, p);
    zb_gemm_destroy(plan);
}

static int cases[COUNT(ISAS)], taken[COUNT(ISAS)][COUNT(PATHS)];

/* One problem by every instruction set. */
static void check(int dtype, int out, const problem *p)
{
    int type = DTYPES[dtype].number;
    zb_gemm_slot slot = {
        .lda = (p->transa ? p->m : p->k) + PADDING, .ldb = (p->transb ? p->k : p->n) + PADDING, .ldc = p->n + PADDING};
    slot.stride_a = (p->transa ? p->k : p->m) * slot.lda;
    slot.stride_b = (p->transb ? p->n : p->k) * slot.ldb;
    slot.stride_c = p->m * slot.ldc;
    int64_t count_c = p->batch * slot.stride_c;
    void *a = matrix(type, p->batch * slot.stride_a, 1), *b = matrix(type, p->batch * slot.stride_b, 2);
    void *expected = matrix(out, count_c, 3);
    slot.a = a;
    slot.b = b;
    slot.c = expected;
    run_naive(dtype, out, p, &slot);
    for (size_t isa = 0; isa < COUNT(ISAS); isa++) {
        if (!zb_isa_supported(ISAS[isa].number))
            continue;
        void *c = matrix(out, count_c, 3);
        slot.c = c;
        taken[isa][run_fast((int)isa, dtype, out, p, slot)]++;
        cases[isa]++;
        if (memcmp(c, expected, (size_t)(count_c * size_of(out))) != 0)
            stop("differs", (int)isa, dtype, out, p);
        free(c);
    }
    free(a);
    free(b);
    free(expected);
}

/* With ones for factors each multiply-add of the peak probe adds one: the sum is half the FLOP. */
static void check_peak(int isa, int dtype)
{
    static const problem NONE = {0};
    double sum, flops;
    if (zb_peak_count(DTYPES[dtype].number, ISAS[isa].number, 1001, &sum, &flops) != 0 || 2 * sum != flops || flops == 0)
        stop("the peak probe miscounts", isa, dtype, 0, &NONE);
}

/* Arguments name instruction sets that must have been checked. */
int main(int count, char **names)
{
    for (size_t dtype = 0; dtype < COUNT(DTYPES); dtype++)
        for (size_t i = 0; i < COUNT(PROBLEMS); i++) {
            int type = DTYPES[dtype].number, integers = type == ZB_INT8 || type == ZB_U8S8;
            int sum = type == ZB_FP64 ? ZB_FP64 : integers ? ZB_INT32 : ZB_FP32;
            check((int)dtype, sum, &PROBLEMS[i]);
            if (sum == ZB_FP32)
                check((int)dtype, i % 2 ? ZB_BF16 : ZB_FP16, &PROBLEMS[i]);
        }
    for (size_t isa = 0; isa < COUNT(ISAS); isa++)
        if (cases[isa]) {
            for (size_t dtype = 0; dtype < COUNT(DTYPES); dtype++)
                check_peak((int)isa, (int)dtype);
            printf("%s: %d cases equal the naive kernel's:", ISAS[isa].name, cases[isa]);
            for (size_t path = 1; path < COUNT(PATHS); path++)
                printf(" %d %s", taken[isa][path], PATHS[path]);
            printf("\n");
        }
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
