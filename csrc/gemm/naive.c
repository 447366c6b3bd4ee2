/* Generic C: what a compiler makes of the textbook loop. The baseline and the reference. */
#include "core/dtype.h"
#include "core/narrow.h"
#include "gemm/kernel.h"

#define PLAIN(x) (x)
#define ADD_FLOATS(sum, a, b) ((sum) + (a) * (b))

static void put_fp64(int out, void *c, int64_t at, double alpha, double sum, double beta)
{
    (void)out;
    double *to = (double *)c + at;
    *to = beta == 0 ? alpha * sum : alpha * sum + beta * *to;
}

static void put_fp32(int out, void *c, int64_t at, float alpha, float sum, float beta)
{
    float *wide = (float *)c + at;
    uint16_t *half = (uint16_t *)c + at;
    float old = beta == 0 ? 0 : out == ZB_FP32 ? *wide : out == ZB_BF16 ? bf16_to_float(*half) : fp16_to_float(*half);
    float value = beta == 0 ? alpha * sum : alpha * sum + beta * old;
    if (out == ZB_FP32)
        *wide = value;
    else
        *half = out == ZB_BF16 ? bf16_of_float(value) : fp16_of_float(value);
}

static void put_int32(int out, void *c, int64_t at, int32_t alpha, int32_t sum, int32_t beta)
{
    (void)out;
    int32_t *to = (int32_t *)c + at;
    *to = (int32_t)((alpha ? (uint32_t)sum : 0) + (beta ? (uint32_t)*to : 0));
}

#define SUM double
#define STORED_A double
#define STORED_B double
#define LOAD_A PLAIN
#define LOAD_B PLAIN
#define ADD ADD_FLOATS
#define PUT put_fp64
#define NAME fp64
#include "gemm/naive.inc"

#define SUM float
#define STORED_A float
#define STORED_B float
#define LOAD_A PLAIN
#define LOAD_B PLAIN
#define ADD ADD_FLOATS
#define PUT put_fp32
#define NAME fp32
#include "gemm/naive.inc"

#define SUM float
#define STORED_A uint16_t
#define STORED_B uint16_t
#define LOAD_A bf16_to_float
#define LOAD_B bf16_to_float
#define ADD ADD_FLOATS
#define PUT put_fp32
#define NAME bf16
#include "gemm/naive.inc"

#define SUM float
#define STORED_A uint16_t
#define STORED_B uint16_t
#define LOAD_A fp16_to_float
#define LOAD_B fp16_to_float
#define ADD ADD_FLOATS
#define PUT put_fp32
#define NAME fp16
#include "gemm/naive.inc"

#define SUM float
#define STORED_A uint8_t
#define STORED_B uint8_t
#define LOAD_A e4m3_to_float
#define LOAD_B e4m3_to_float
#define ADD ADD_FLOATS
#define PUT put_fp32
#define NAME fp8e4m3
#include "gemm/naive.inc"

#define SUM float
#define STORED_A uint8_t
#define STORED_B uint8_t
#define LOAD_A e5m2_to_float
#define LOAD_B e5m2_to_float
#define ADD ADD_FLOATS
#define PUT put_fp32
#define NAME fp8e5m2
#include "gemm/naive.inc"

/* Modulo 2^32: signed overflow is not C. */
#define ADD_INTEGERS(sum, a, b) ((int32_t)((uint32_t)(sum) + (uint32_t)((a) * (b))))

#define SUM int32_t
#define STORED_A int8_t
#define STORED_B int8_t
#define LOAD_A PLAIN
#define LOAD_B PLAIN
#define ADD ADD_INTEGERS
#define PUT put_int32
#define NAME int8
#include "gemm/naive.inc"

#define SUM int32_t
#define STORED_A uint8_t
#define STORED_B int8_t
#define LOAD_A PLAIN
#define LOAD_B PLAIN
#define ADD ADD_INTEGERS
#define PUT put_int32
#define NAME u8s8
#include "gemm/naive.inc"

static void one_product(const zb_gemm_request *request, double alpha, double beta, const zb_gemm_slot *slot)
{
    switch (request->dtype) {
    case ZB_FP64:
        fp64(request, alpha, beta, slot);
        break;
    case ZB_FP32:
        fp32(request, alpha, beta, slot);
        break;
    case ZB_BF16:
        bf16(request, alpha, beta, slot);
        break;
    case ZB_FP16:
        fp16(request, alpha, beta, slot);
        break;
    case ZB_FP8E4M3:
        fp8e4m3(request, alpha, beta, slot);
        break;
    case ZB_FP8E5M2:
        fp8e5m2(request, alpha, beta, slot);
        break;
    case ZB_INT8:
        int8(request, alpha, beta, slot);
        break;
    default:
        u8s8(request, alpha, beta, slot);
    }
}

void zb_gemm_naive(const zb_gemm_request *request, double alpha, double beta, const zb_gemm_slot *slot)
{
    for (int64_t product = 0; product < request->batch; product++) {
        zb_gemm_slot one = *slot;
        one.a = (const char *)slot->a + product * slot->stride_a * zb_dtype_bytes(request->dtype);
        one.b = (const char *)slot->b + product * slot->stride_b * zb_dtype_bytes(request->dtype);
        one.c = (char *)slot->c + product * slot->stride_c * zb_dtype_bytes(request->out);
        one_product(request, alpha, beta, &one);
    }
}
