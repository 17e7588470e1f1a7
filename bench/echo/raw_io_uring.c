/* The limit of completion: registered files, a multishot accept, and a send linked to the next
 * recv, so that a request is one event and one system call serves every request of a turn.
 * bench-packages: liburing
 */
#include "bench.h"
#include "listen.h"

#include <liburing.h>

#define RING_ENTRIES 4096
#define CONNECTIONS 16384
#define BUFFER_BYTES 16384
#define ACCEPTED UINT64_MAX

static struct io_uring ring;
static char *buffers[CONNECTIONS];

static struct io_uring_sqe *entry(void)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

    if (!sqe) {
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
    }
    return sqe;
}

static void receive(int index)
{
    struct io_uring_sqe *sqe = entry();

    io_uring_prep_recv(sqe, index, buffers[index], BUFFER_BYTES, 0);
    sqe->flags |= IOSQE_FIXED_FILE;
    sqe->user_data = (uint64_t)index;
}

/* A linked pair must not be split between two submissions. */
static void answer(int index, int size)
{
    struct io_uring_sqe *sqe;

    if (io_uring_sq_space_left(&ring) < 2)
        io_uring_submit(&ring);
    sqe = entry();
    io_uring_prep_send(sqe, index, buffers[index], (size_t)size, MSG_WAITALL | MSG_NOSIGNAL);
    sqe->flags |= IOSQE_FIXED_FILE | IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = (uint64_t)index;
    receive(index);
}

static void welcome(int listener)
{
    struct io_uring_sqe *sqe = entry();

    io_uring_prep_multishot_accept_direct(sqe, listener, NULL, NULL, 0);
    sqe->user_data = ACCEPTED;
}

static void accepted(int listener, struct io_uring_cqe *cqe)
{
    if (!(cqe->flags & IORING_CQE_F_MORE))
        welcome(listener);
    if (cqe->res < 0)
        return;
    if (!buffers[cqe->res])
        buffers[cqe->res] = malloc(BUFFER_BYTES);
    receive(cqe->res);
}

/* A failed send cancels its recv, which alone ends the connection; a closing completes in
 * silence. */
static void received(struct io_uring_cqe *cqe)
{
    int index = (int)cqe->user_data;

    if (cqe->res > 0) {
        answer(index, cqe->res);
    } else if (cqe->res == 0 || cqe->res == -ECANCELED || cqe->res == -ECONNRESET) {
        struct io_uring_sqe *sqe = entry();

        io_uring_prep_close_direct(sqe, (unsigned)index);
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        sqe->user_data = (uint64_t)index;
    }
}

static void open_ring(void)
{
    struct io_uring_params params = {.flags =
                                         IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    int error = io_uring_queue_init_params(RING_ENTRIES, &ring, &params);

    if (!error)
        error = io_uring_register_files_sparse(&ring, CONNECTIONS);
    if (!error && io_uring_register_ring_fd(&ring) < 0)
        error = -EINVAL;
    if (error)
        bench_fail("io_uring", error);
}

int main(void)
{
    int listener;

    open_ring();
    listener = bench_listen(0);
    welcome(listener);
    for (;;) {
        struct io_uring_cqe *cqe;
        unsigned head, seen = 0;
        int error = io_uring_submit_and_wait(&ring, 1);

        if (error < 0 && error != -EINTR)
            bench_fail("io_uring_submit_and_wait", error);
        io_uring_for_each_cqe(&ring, head, cqe)
        {
            if (cqe->user_data == ACCEPTED)
                accepted(listener, cqe);
            else
                received(cqe);
            seen++;
        }
        io_uring_cq_advance(&ring, seen);
    }
}
