/* A product of two tiles starts every 16 cycles, and one that adds to its sums 52 later (Intel's optimization manual, on
   AMX): four tiles of sums would do, six fit beside one of A and one of B. */
#include <stddef.h>

#include "core/dtype.h"
#include "stream/kernel.h"

#if defined(__AMX_TILE__) && defined(__AMX_BF16__) && defined(__AMX_INT8__)
#include "core/narrow.h"
#include "core/tiles.h"

enum { CHAINS = 6, LINES = 16, WORDS = 16, TILE_BYTES = LINES * WORDS * 4 };

/* Tiles 6 and 7 of these words, sums of 0. */
static void begin(uint32_t a, uint32_t b)
{
    uint32_t words[2][LINES][WORDS];
    for (int i = 0; i < LINES; i++)
        for (int j = 0; j < WORDS; j++) {
            words[0][i][j] = a;
            words[1][i][j] = b;
        }
    READ_BY_TILES(words);
    _tile_loadconfig(&ALL_TILES);
    _tile_loadd(6, words[0], WORDS * 4);
    _tile_loadd(7, words[1], WORDS * 4);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
}

static void end(char *sums)
{
    _tile_stored(0, sums, WORDS * 4);
    _tile_stored(1, sums + TILE_BYTES, WORDS * 4);
    _tile_stored(2, sums + 2 * TILE_BYTES, WORDS * 4);
    _tile_stored(3, sums + 3 * TILE_BYTES, WORDS * 4);
    _tile_stored(4, sums + 4 * TILE_BYTES, WORDS * 4);
    _tile_stored(5, sums + 5 * TILE_BYTES, WORDS * 4);
    _tile_release();
}

static uint32_t pair(double value)
{
    uint32_t element = bf16_of_float((float)value);
    return element | element << 16;
}

static uint32_t four(double value)
{
    return (uint32_t)(uint8_t)(int8_t)value * 0x01010101u;
}

#define SUM float
#define WORD_OF pair
#define K_UNIT 2
#define NAME(name) bf16_##name
#define DOT_TILES(sum) _tile_dpbf16ps(sum, 6, 7)
#include "stream/amx.inc"

#define SUM int32_t
#define WORD_OF four
#define K_UNIT 4
#define NAME(name) int8_##name
#define DOT_TILES(sum) _tile_dpbssd(sum, 6, 7)
#include "stream/amx.inc"

#define SUM int32_t
#define WORD_OF four
#define K_UNIT 4
#define NAME(name) u8s8_##name
#define DOT_TILES(sum) _tile_dpbusd(sum, 6, 7)
#include "stream/amx.inc"

const zb_peak *zb_peak_amx(int dtype)
{
    switch (dtype) {
    case ZB_BF16:
        return &bf16_peak;
    case ZB_INT8:
        return &int8_peak;
    case ZB_U8S8:
        return &u8s8_peak;
    default:
        return NULL;
    }
}
#else
const zb_peak *zb_peak_amx(int dtype)
{
    (void)dtype;
    return NULL;
}
#endif
