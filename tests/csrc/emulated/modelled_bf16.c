#include "models.h"

#include "gemm/kernel_avx512_bf16.c"
