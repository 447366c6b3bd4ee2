#include "models.h"

#include "stream/kernel_amx.c"
