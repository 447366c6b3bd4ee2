/* Tiles of 16 x 16 sums, four of them at a time, over 16 words: pairs of bf16 or fours of bytes. Panels of B, and all
   that few rows need, are those of the AVX-512 kernels with the same words; A's panels are chunks of 16 words, in each of
   which a line's stand side by side (the last chunk is as short as the words end). */
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "core/dtype.h"
#include "gemm/kernel.h"

#if defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__AMX_INT8__)
#include "core/tiles.h"

enum { TILE_LINES = 16, TILE_WORDS = 16, WORD_BYTES = 4, TILE_BYTES = TILE_WORDS * WORD_BYTES };
enum { ROWS = 2 * TILE_LINES, CHUNK_A_BYTES = ROWS * TILE_BYTES };

static void pack_a(int64_t size, int64_t count, int64_t k, zb_gemm_lines a, char *to)
{
    int64_t unit = WORD_BYTES / size, words = (k + unit - 1) / unit;
    for (int64_t first = 0; first < count; first += ROWS)
        for (int64_t p = 0; p < words; p += TILE_WORDS) {
            int64_t row_bytes = (words - p < TILE_WORDS ? words - p : TILE_WORDS) * WORD_BYTES;
            int64_t left = k - p * unit, elements = left < row_bytes / size ? left : row_bytes / size;
            for (int64_t i = first; i < first + ROWS; i++, to += row_bytes) {
                const char *from = (const char *)a.from + (i * a.step + p * unit * a.k_step) * size;
                int64_t there = i < count ? elements : 0;
                if (a.k_step == 1 && there)
                    memcpy(to, from, (size_t)(there * size));
                else
                    for (int64_t e = 0; e < there; e++)
                        memcpy(to + e * size, from + e * a.k_step * size, (size_t)size);
                memset(to + there * size, 0, (size_t)(row_bytes - there * size));
            }
        }
}

static void pack_a_pairs(int64_t count, int64_t k, zb_gemm_lines a, void *to)
{
    pack_a(2, count, k, a, to);
}

static void pack_a_bytes(int64_t count, int64_t k, zb_gemm_lines a, void *to)
{
    pack_a(1, count, k, a, to);
}

enum { bf16_index, int8_index, u8s8_index, KINDS };
static zb_gemm_kernel KERNELS[KINDS];

#define SUM float
#define SCALE 1
#define NAME(name) bf16_##name
#define DOT_TILES(sum, a, b) _tile_dpbf16ps(sum, a, b)
#include "gemm/amx.inc"
#undef SUM
#undef SCALE
#undef NAME
#undef DOT_TILES

#define SUM int32_t
#define SCALE 0
#define NAME(name) int8_##name
#define DOT_TILES(sum, a, b) _tile_dpbssd(sum, a, b)
#include "gemm/amx.inc"
#undef NAME
#undef DOT_TILES

#define NAME(name) u8s8_##name
#define DOT_TILES(sum, a, b) _tile_dpbusd(sum, a, b)
#include "gemm/amx.inc"

static void make_kernels(void)
{
    KERNELS[bf16_index] = *zb_gemm_kernel_avx512_bf16(ZB_BF16);
    KERNELS[int8_index] = *zb_gemm_kernel_avx512_vnni(ZB_INT8);
    KERNELS[u8s8_index] = *zb_gemm_kernel_avx512_vnni(ZB_U8S8);
    KERNELS[bf16_index].multiply = bf16_multiply;
    KERNELS[int8_index].multiply = int8_multiply;
    KERNELS[u8s8_index].multiply = u8s8_multiply;
    for (int i = 0; i < KINDS; i++) {
        KERNELS[i].rows = ROWS;
        KERNELS[i].pack_a = i == bf16_index ? pack_a_pairs : pack_a_bytes;
    }
}

const zb_gemm_kernel *zb_gemm_kernel_amx(int dtype)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_kernels);
    switch (dtype) {
    case ZB_BF16:
        return &KERNELS[bf16_index];
    case ZB_INT8:
        return &KERNELS[int8_index];
    case ZB_U8S8:
        return &KERNELS[u8s8_index];
    default:
        return NULL;
    }
}
#else
const zb_gemm_kernel *zb_gemm_kernel_amx(int dtype)
{
    (void)dtype;
    return NULL;
}
#endif
