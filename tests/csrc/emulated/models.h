/* Software models of the few instructions that neither CPUs at hand nor qemu-user execute: AVX512-BF16's dot product and
   AMX. A kernel's file compiled after this one computes with them on any CPU with AVX-512; what is then tested is all
   of it but the instructions themselves. From Intel's SDM: VDPBF16PS, LDTILECFG, TILELOADD, TDPBSSD, ... */
#ifndef ZB_TESTS_MODELS_H
#define ZB_TESTS_MODELS_H

#include <immintrin.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/narrow.h"

/* Subnormal numbers are zero to these instructions, as operands and as results. */
static inline float model_flush(float x)
{
    return (bits_of_float(x) & 0x7f800000) == 0 ? float_of_bits(bits_of_float(x) & 0x80000000) : x;
}

static inline float model_add(float sum, uint16_t a, uint16_t b)
{
    return model_flush(model_flush(sum) + model_flush(bf16_to_float(a)) * model_flush(bf16_to_float(b)));
}

static inline __m512 model_dpbf16_ps(__m512 sum, __m512i a, __m512i b)
{
    float sums[16];
    uint16_t x[32], y[32];
    memcpy(sums, &sum, sizeof sums);
    memcpy(x, &a, sizeof x);
    memcpy(y, &b, sizeof y);
    for (int i = 0; i < 16; i++) {
        sums[i] = model_add(sums[i], x[2 * i + 1], y[2 * i + 1]);
        sums[i] = model_add(sums[i], x[2 * i], y[2 * i]);
    }
    memcpy(&sum, sums, sizeof sum);
    return sum;
}

typedef struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} model_configuration;

static _Thread_local model_configuration model_now;
static _Thread_local uint8_t model_tiles[8][16][64];

/* As the CPU faults on tiles that are not configured. */
static inline void model_needs(int wanted)
{
    if (!wanted)
        abort();
}

static inline void model_loadconfig(const void *from)
{
    memcpy(&model_now, from, sizeof model_now);
    model_needs(model_now.palette == 1 && model_now.start_row == 0);
    for (int tile = 0; tile < 16; tile++)
        model_needs(model_now.row_bytes[tile] <= (tile < 8 ? 64 : 0) && model_now.rows[tile] <= (tile < 8 ? 16 : 0));
    memset(model_tiles, 0, sizeof model_tiles);
}

static inline void model_release(void)
{
    memset(&model_now, 0, sizeof model_now);
}

static inline void model_zero(int tile)
{
    model_needs(model_now.palette);
    memset(model_tiles[tile], 0, sizeof model_tiles[tile]);
}

static inline void model_load(int tile, const void *from, int64_t stride)
{
    model_zero(tile);
    for (int row = 0; row < model_now.rows[tile]; row++)
        memcpy(model_tiles[tile][row], (const char *)from + row * stride, model_now.row_bytes[tile]);
}

static inline void model_store(int tile, void *to, int64_t stride)
{
    model_needs(model_now.palette);
    for (int row = 0; row < model_now.rows[tile]; row++)
        memcpy((char *)to + row * stride, model_tiles[tile][row], model_now.row_bytes[tile]);
}

static inline int32_t model_byte(uint8_t byte, int is_signed)
{
    return is_signed ? (int8_t)byte : byte;
}

/* kind 0: pairs of bf16; 1: int8 x int8; 2: uint8 x int8. */
static inline void model_dot(int kind, int sum, int a, int b)
{
    int words = model_now.row_bytes[a] / 4, columns = model_now.row_bytes[b] / 4;
    model_needs(model_now.palette && model_now.rows[sum] == model_now.rows[a] && model_now.rows[b] == words &&
                model_now.row_bytes[sum] == model_now.row_bytes[b]);
    for (int i = 0; i < model_now.rows[a]; i++)
        for (int p = 0; p < words; p++)
            for (int j = 0; j < columns; j++) {
                const uint8_t *x = &model_tiles[a][i][4 * p], *y = &model_tiles[b][p][4 * j];
                uint8_t *to = &model_tiles[sum][i][4 * j];
                if (kind == 0) {
                    float value;
                    uint16_t left[2], right[2];
                    memcpy(&value, to, sizeof value);
                    memcpy(left, x, sizeof left);
                    memcpy(right, y, sizeof right);
                    for (int r = 0; r < 2; r++)
                        value = model_add(value, left[r], right[r]);
                    memcpy(to, &value, sizeof value);
                } else {
                    uint32_t value;
                    memcpy(&value, to, sizeof value);
                    for (int r = 0; r < 4; r++)
                        value += (uint32_t)(model_byte(x[r], kind == 1) * model_byte(y[r], 1));
                    memcpy(to, &value, sizeof value);
                }
            }
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#undef _tile_dpbssd
#undef _tile_dpbusd
#define _mm512_dpbf16_ps(sum, a, b) model_dpbf16_ps(sum, (__m512i)(a), (__m512i)(b))
#define _tile_loadconfig model_loadconfig
#define _tile_release model_release
#define _tile_zero model_zero
#define _tile_loadd model_load
#define _tile_stored model_store
#define _tile_dpbf16ps(sum, a, b) model_dot(0, sum, a, b)
#define _tile_dpbssd(sum, a, b) model_dot(1, sum, a, b)
#define _tile_dpbusd(sum, a, b) model_dot(2, sum, a, b)

/* What the compiler defines where it may use the instructions. */
#define __AVX512BF16__ 1
#define __AMX_TILE__ 1
#define __AMX_BF16__ 1
#define __AMX_INT8__ 1

#endif
