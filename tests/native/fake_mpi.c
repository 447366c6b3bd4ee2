/* An MPI of one rank, in either binary form: -DPOINTERS makes its handles addresses, as Open MPI's are. It knows
   allreduce and alltoallv, whose calls it checks, in the world and in one group of it; thirteen elements are too
   many for it. */
#include <stdint.h>
#include <string.h>

enum { ERROR_HANDLE = 7, ERROR_COUNT = 17 };

#ifdef POINTERS
typedef void *handle;
#define OBJECT(name, number) char ompi_mpi_##name[8];
#define HANDLE(name, number) ((handle)ompi_mpi_##name)
#define IN_PLACE ((void *)1)
#else
typedef int handle;
#define OBJECT(name, number)
#define HANDLE(name, number) (number)
#define IN_PLACE ((void *)-1)
#endif

#define WORLD HANDLE(comm_world, 0x44000000)
/* Made at run time: MPICH's such handles are negative. */
#ifdef POINTERS
static char objects[3];
#define MADE(number) ((handle)&objects[number])
#else
#define MADE(number) ((handle)(-0x7c000000 + number))
#endif
enum { WORLDS_RANKS, CHOSEN_RANKS, GROUP };
#define FLOAT HANDLE(float, 0x4c00040a)
#define SUM HANDLE(op_sum, 0x58000003)

OBJECT(comm_world, 0) OBJECT(comm_self, 0) OBJECT(errors_return, 0) OBJECT(byte, 0) OBJECT(float, 0)
OBJECT(double, 0) OBJECT(op_sum, 0) OBJECT(op_max, 0)

int MPI_Init_thread(int *argc, char ***argv, int required, int *provided)
{
    (void)argc, (void)argv;
    *provided = required + 1;
    return 0;
}

int MPI_Finalize(void) { return 0; }

int MPI_Comm_set_errhandler(handle comm, handle handler)
{
    return (comm == WORLD || comm == MADE(GROUP) || comm == HANDLE(comm_self, 0x44000001)) &&
                   handler == HANDLE(errors_return, 0x54000001)
               ? 0
               : ERROR_HANDLE;
}

int MPI_Comm_rank(handle comm, int *rank)
{
    *rank = 0;
    return comm == WORLD ? 0 : ERROR_HANDLE;
}

int MPI_Comm_size(handle comm, int *size)
{
    *size = 1;
    return comm == WORLD ? 0 : ERROR_HANDLE;
}

int MPI_Get_library_version(char *text, int *length)
{
    strcpy(text, "Fake MPI v1.0, built by a test\nand more");
    *length = (int)strlen(text);
    return 0;
}

int MPI_Error_string(int code, char *text, int *length)
{
    strcpy(text, code == ERROR_COUNT ? "thirteen is too many" : "a handle is unknown");
    *length = (int)strlen(text);
    return 0;
}

int MPI_Reduce_local(const void *in, void *out, int count, handle type, handle op)
{
    (void)in, (void)out;
    return count == 1 && type == FLOAT && op == SUM ? 0 : ERROR_HANDLE;
}

int MPI_Comm_group(handle comm, handle *group)
{
    *group = MADE(WORLDS_RANKS);
    return comm == WORLD ? 0 : ERROR_HANDLE;
}

int MPI_Group_incl(handle group, int count, const int *ranks, handle *chosen)
{
    *chosen = MADE(CHOSEN_RANKS);
    return group == MADE(WORLDS_RANKS) && count == 1 && ranks[0] == 0 ? 0 : ERROR_HANDLE;
}

int MPI_Comm_create_group(handle comm, handle group, int tag, handle *made)
{
    *made = MADE(GROUP);
    return comm == WORLD && group == MADE(CHOSEN_RANKS) && tag == 0 ? 0 : ERROR_HANDLE;
}

int MPI_Group_free(handle *group)
{
    return *group == MADE(WORLDS_RANKS) || *group == MADE(CHOSEN_RANKS) ? 0 : ERROR_HANDLE;
}

int MPI_Alltoallv(const void *in, const int *counts, const int *firsts, handle type, void *out,
                  const int *received, const int *lands, handle to_type, handle comm)
{
    if (type != FLOAT || to_type != FLOAT || comm != WORLD || *counts != *received || *firsts || *lands)
        return ERROR_HANDLE;
    memcpy(out, in, (size_t)*counts * sizeof(float));
    return 0;
}

/* Doubles what it reduces, in the group trebles it, so that a test sees what it was given. */
int MPI_Allreduce(const void *in, void *out, int count, handle type, handle op, handle comm)
{
    if (type != FLOAT || op != SUM || (comm != WORLD && comm != MADE(GROUP)))
        return ERROR_HANDLE;
    if (count == 13)
        return ERROR_COUNT;
    const float *from = in == IN_PLACE ? out : in;
    for (int i = 0; i < count; i++)
        ((float *)out)[i] = (comm == WORLD ? 2 : 3) * from[i];
    return 0;
}

#define NOT_HERE(name)                                                                                       \
    int MPI_##name(void) { return ERROR_HANDLE; }
NOT_HERE(Barrier) NOT_HERE(Bcast) NOT_HERE(Reduce) NOT_HERE(Reduce_scatter) NOT_HERE(Reduce_scatter_block)
NOT_HERE(Allgather) NOT_HERE(Allgatherv) NOT_HERE(Gather) NOT_HERE(Gatherv) NOT_HERE(Scatter)
NOT_HERE(Scatterv) NOT_HERE(Alltoall) NOT_HERE(Scan) NOT_HERE(Exscan) NOT_HERE(Sendrecv)
NOT_HERE(Sendrecv_replace) NOT_HERE(Send) NOT_HERE(Recv) NOT_HERE(Isend) NOT_HERE(Irecv) NOT_HERE(Waitall)
