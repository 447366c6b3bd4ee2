#include "models.h"

#include "gemm/kernel_amx.c"
