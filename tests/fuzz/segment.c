/* A file that claims to be a segment: refused, or opened, read and closed without a look beyond its end. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/status.h"
#include "shm/segment.h"

enum { WAIT_NS = 1000000 };

/* Sparse, so that headers of large worlds are tried, too. */
static const int64_t LARGEST_BYTES = (int64_t)1 << 32;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    zb_shm_header header = {0};
    int fd = memfd_create("zbench-fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        __builtin_trap();
    memcpy(&header, data, size < sizeof header ? size : sizeof header);
    /* As long as it says: else nothing but its size would ever be looked at. */
    if (header.total_bytes >= (int64_t)size && header.total_bytes <= LARGEST_BYTES &&
        ftruncate(fd, header.total_bytes) != 0)
        __builtin_trap();
    zb_shm *shm;
    int64_t rank = size > sizeof header ? data[sizeof header] : 0;
    if (zb_shm_open(fd, rank, 1, WAIT_NS, &shm) == ZB_OK) {
        zb_shm_verdict verdict;
        zb_shm_get_verdict(shm, &verdict);
        if (zb_shm_data_bytes(shm) > 0) {
            ((char *)zb_shm_data(shm))[0] = 1;
            ((char *)zb_shm_data(shm))[zb_shm_data_bytes(shm) - 1] = 1;
        }
        zb_shm_discard(shm, 0, zb_shm_data_bytes(shm));
        zb_shm_close(shm);
    }
    zb_shm_abort(fd, -1);
    close(fd);
    return 0;
}
