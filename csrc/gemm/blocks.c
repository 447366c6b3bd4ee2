#include "gemm/plan.h"

/* A panel of A may fill half of L1; the panels of B stream through the other half. */
static const int64_t L1_DIVISOR = 2;
/* What of L2 the columns of B may fill that a thread keeps, by the rows that they are multiplied with. C's tiles and A's
   panels pass through the rest; of few rows the next columns are fetched beside them as well. Measured with 12, 25 and
   45 % at m = 64, 512 and from 1024 on (Emerald Rapids). */
static const struct {
    int64_t rows;
    int64_t percent;
} L2_SHARES[] = {{128, 12}, {ZB_GEMM_FEW_ROWS, 25}, {INT64_MAX, 45}};
/* Packed A may fill a quarter of the last-level cache: others use it as well. */
static const int64_t L3_DIVISOR = 4;
/* Below, C is read and written too often; above, the kernel has long reached its rate. */
static const int64_t KC_MIN = 128, KC_MAX = 512;
static const int64_t KC_UNIT = 8;

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* At most `limit` at a time, in as few and as equal blocks as that allows. */
static int64_t balanced(int64_t total, int64_t limit, int64_t unit)
{
    if (total <= 0)
        return unit;
    return round_up(divide_up(total, divide_up(total, limit)), unit);
}

/* What was asked for, but never more than the problem: work buffers are made for it. */
static int64_t requested(int64_t value, int64_t total, int64_t unit)
{
    int64_t most = total > unit ? round_up(total, unit) : unit;
    return value > most ? most : round_up(value, unit);
}

zb_gemm_blocks zb_gemm_choose_blocks(const zb_gemm_kernel *kernel, zb_caches caches,
                                     const zb_gemm_request *request)
{
    int64_t rows = kernel->rows, columns = kernel->columns, unit = kernel->k_unit;
    zb_gemm_blocks asked = request->blocks, blocks;

    int64_t kc = clamp(caches.l1 / L1_DIVISOR / (rows * kernel->word_bytes), KC_MIN, KC_MAX) * unit;
    blocks.kc = asked.kc ? requested(asked.kc, request->k, unit) : balanced(request->k, kc, KC_UNIT * unit);

    int64_t step_bytes = blocks.kc / unit * kernel->word_bytes;
    int64_t mc = clamp(caches.l3 / L3_DIVISOR / step_bytes, rows, INT64_MAX);
    blocks.mc = asked.mc ? requested(asked.mc, request->m, rows) : balanced(request->m, mc, rows);

    /* Each thread packs what of B it works through: as many stretches of columns as threads, or a multiple. */
    int share = 0;
    while (request->m > L2_SHARES[share].rows)
        share++;
    int64_t nb = clamp(caches.l2 * L2_SHARES[share].percent / 100 / step_bytes, columns, INT64_MAX);
    int64_t stretches = round_up(divide_up(request->n, nb), request->threads);
    int64_t even = divide_up(request->n, stretches > 0 ? stretches : 1);
    blocks.nb = asked.nb ? requested(asked.nb, request->n, columns) : round_up(even > 1 ? even : 1, columns);
    return blocks;
}
