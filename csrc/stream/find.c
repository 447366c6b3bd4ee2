#include <stddef.h>

#include "core/cpu.h"
#include "core/dtype.h"
#include "stream/kernel.h"

const zb_stream_kernel *zb_stream_kernel_find(int isa)
{
    switch (zb_isa_supported(isa) ? isa : -1) {
    case ZB_PORTABLE:
    case ZB_NEON: /* its vectors are NEON's on 64-bit ARM */
        return zb_stream_kernel_portable();
    case ZB_NEON_DOTPROD:
        return zb_stream_kernel_neon_dotprod();
    case ZB_NEON_I8MM:
    case ZB_NEON_BF16:
        return zb_stream_kernel_neon_i8mm();
    case ZB_AVX2:
        return zb_stream_kernel_avx2();
    case ZB_AVX512:
        return zb_stream_kernel_avx512();
    case ZB_AVX512_BF16:
    case ZB_AMX:
    case ZB_AVX512_VNNI: /* a compiler may lack it; the kernels of csrc/gemm fall back alike */
        return zb_stream_kernel_avx512_vnni() ? zb_stream_kernel_avx512_vnni() : zb_stream_kernel_avx512();
    default:
        return NULL;
    }
}

static const zb_peak *own(int isa, int dtype)
{
    switch (isa) {
    case ZB_AVX512_BF16:
        return zb_peak_avx512_bf16(dtype);
    case ZB_AMX:
        return zb_peak_amx(dtype);
    case ZB_NEON_BF16:
        return zb_peak_neon_bf16(dtype);
    default:
        return NULL;
    }
}

const zb_peak *zb_peak_find(int isa, int dtype)
{
    const zb_stream_kernel *kernel = zb_stream_kernel_find(isa);
    const zb_peak *peak = kernel ? own(isa, dtype) : NULL;
    if (!kernel || peak)
        return peak;
    switch (dtype) {
    case ZB_FP64:
        return &kernel->fp64;
    case ZB_FP32:
    case ZB_BF16: /* narrow floats are converted: their sums are fp32, and so are the multiply-adds */
    case ZB_FP16:
    case ZB_FP8E4M3:
    case ZB_FP8E5M2:
        return &kernel->fp32;
    case ZB_INT8:
    case ZB_U8S8:
        return &kernel->integers;
    default:
        return NULL;
    }
}
