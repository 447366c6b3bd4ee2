/* What every user of AMX's tiles needs. */
#ifndef ZB_CORE_TILES_H
#define ZB_CORE_TILES_H

#include <immintrin.h>
#include <stdint.h>

/* The compilers' intrinsics do not tell that they read memory. */
#define READ_BY_TILES(memory) __asm__ volatile("" : : "r"(memory) : "memory")

/* Intel SDM, LDTILECFG: palette 1, all eight tiles 16 rows of 64 bytes. */
static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} ALL_TILES = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

#endif
