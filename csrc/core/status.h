/* Status codes: every function that can fail returns one; Python turns it into an exception. */
#ifndef ZB_CORE_STATUS_H
#define ZB_CORE_STATUS_H

/* public */
enum {
    ZB_OK = 0,
    ZB_EINVAL = 1,    /* an argument is out of its range */
    ZB_ENOMEM = 2,    /* memory could not be had */
    ZB_EISA = 3,      /* this CPU lacks the instruction set asked for */
    ZB_ETIMEDOUT = 4, /* a peer did not answer within the deadline */
    ZB_EPEER = 5,     /* a peer aborted the operation */
    ZB_ESYSTEM = 6,   /* a system call failed; errno tells */
    ZB_EMISMATCH = 7, /* a peer is in another call */
    ZB_EGONE = 8      /* the process of a peer has ended */
};
/* end */

#endif
