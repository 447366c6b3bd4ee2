/* What is found about a peer is held against it at the second look only: between the first and the last look for a
   message, its last one may have come. Here every look is a call, whatever the clock. */
#include "../../csrc/shm/watch.c"

#include <sys/mman.h>

enum { LAST_CALL = 7 };

static int failures;

static void expect(const char *what, int got, int wanted)
{
    if (got != wanted) {
        printf("%s: %d, not %d\n", what, got, wanted);
        failures++;
    }
}

int main(void)
{
    static zb_shm_header header;
    static zb_shm_station stations[2];
    zb_shm shm = {.header = &header, .stations = stations, .ranks = 2, .calling = 1, .sequence = LAST_CALL};
    shm.lock_fd = memfd_create("watched", MFD_CLOEXEC);
    stations[1].present = 1;
    stations[1].sequence = LAST_CALL;

    zb_coll_wait wait = {0};
    expect("a peer that has ended, at the first look", zb_shm_judge(&shm, &wait, 1), ZB_OK);
    stations[1].sequence = LAST_CALL + 1;
    expect("one that had gone on before it ended", zb_shm_judge(&shm, &wait, 1), ZB_OK);
    expect("nobody is blamed", header.judged, 0);
    wait = (zb_coll_wait){0};
    expect("after a message, at the first look", zb_shm_judge(&shm, &wait, 1), ZB_OK);
    expect("at the second", zb_shm_judge(&shm, &wait, 1), ZB_EMISMATCH);
    stations[1].sequence = LAST_CALL;
    wait = (zb_coll_wait){0};
    expect("a peer that has ended, again", zb_shm_judge(&shm, &wait, 1), ZB_OK);
    expect("at the second", zb_shm_judge(&shm, &wait, 1), ZB_EGONE);
    return failures != 0;
}
