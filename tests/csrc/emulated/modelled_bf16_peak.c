#include "models.h"

#include "stream/kernel_avx512_bf16.c"
