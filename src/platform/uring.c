/* An io_uring's making, test, waits and end. */
#include "platform/uring.h"

#include <errno.h>
#include <poll.h>

#include "platform/sanitizer.h"
#include "platform/valgrind.h"

enum { COMPLETIONS_PER_ENTRY = 16, MAX_ENTRIES = 32768 };

static char rings; /* the token of all rings' mappings */

/* Completions may lie there for some turns, so there is room for many. */
static int make_ring(unsigned entries, unsigned flags, struct io_uring *ret_ring)
{
    entries = entries < MAX_ENTRIES ? entries : MAX_ENTRIES; /* the kernel's limit */
    struct io_uring_params params = {.flags = flags | IORING_SETUP_CQSIZE,
                                     .cq_entries = entries * COMPLETIONS_PER_ENTRY};
    int r = io_uring_queue_init_params(entries, ret_ring, &params);
    if (r == -ENOMEM) /* older kernels count the memory as locked */
        r = io_uring_queue_init(entries, ret_ring, flags);
    return r;
}

/* The flags that are worth most first; older kernels know fewer (-EINVAL).  DEFER_TASKRUN is not
 * for a ring that others poll: work that waits for this thread to enter the kernel wakes no poller
 * (and an eventfd registered in its stead stays silent for operations on eventfds). */
int yb_uring_open(unsigned entries, bool polled, struct io_uring *ret_ring)
{
    static const unsigned flags[] = {
        IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER |
            IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_CLAMP | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN |
            IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_CLAMP,
    };
    size_t first = polled || YB_UNDER_VALGRIND;
    int r = -EINVAL;
    for (size_t i = first; i < sizeof(flags) / sizeof(flags[0]) && r == -EINVAL; i++)
        r = make_ring(entries, flags[i], ret_ring);
    yb_hidden_mapping_begins(&rings);
    return r;
}

void yb_uring_close(struct io_uring *ring)
{
    yb_hidden_mapping_ends(&rings);
    io_uring_queue_exit(ring);
}

int yb_uring_test(struct io_uring *ring)
{
    static const int needed[] = {IORING_OP_READ,    IORING_OP_WRITE,   IORING_OP_RECV,
                                 IORING_OP_SEND,    IORING_OP_ACCEPT,  IORING_OP_POLL_ADD,
                                 IORING_OP_SENDMSG, IORING_OP_RECVMSG, IORING_OP_ASYNC_CANCEL};
    if (!(ring->features & IORING_FEAT_EXT_ARG) || !(ring->features & IORING_FEAT_NODROP))
        return -EOPNOTSUPP;
    struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
    if (!probe)
        return -EOPNOTSUPP;
    bool all = true;
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        all = all && io_uring_opcode_supported(probe, needed[i]);
    io_uring_free_probe(probe);
    if (!all)
        return -EOPNOTSUPP;

    struct io_uring_sqe *entry = io_uring_get_sqe(ring);
    io_uring_prep_nop(entry);
    io_uring_sqe_set_data(entry, NULL);
    struct io_uring_cqe *completion;
    struct __kernel_timespec second = {.tv_sec = 1};
    int n = io_uring_submit_and_wait_timeout(ring, &completion, 1, &second, NULL);
    if (n < 0)
        return n;
    int result = completion ? completion->res : -EOPNOTSUPP;
    io_uring_cqe_seen(ring, completion);
    return result;
}

/* The same as a wait in io_uring_enter, for a ring that can be polled. */
static int enter_and_poll(struct io_uring *ring, const struct timespec *limit)
{
    int n = io_uring_submit_and_get_events(ring);
    struct pollfd query = {.fd = ring->ring_fd, .events = POLLIN};
    if (n >= 0 && io_uring_cq_ready(ring) == 0 && ppoll(&query, 1, limit, NULL) < 0)
        n = -errno;
    return n;
}

int yb_uring_enter(struct io_uring *ring, int64_t timeout_ns)
{
    if (timeout_ns == 0)
        return io_uring_submit_and_get_events(ring);
    if (YB_UNDER_VALGRIND) {
        struct timespec limit = {timeout_ns / 1000000000, timeout_ns % 1000000000};
        return enter_and_poll(ring, timeout_ns == INT64_MAX ? NULL : &limit);
    }
    struct __kernel_timespec time = {.tv_sec = timeout_ns / 1000000000,
                                     .tv_nsec = timeout_ns % 1000000000};
    struct io_uring_cqe *entry;
    return io_uring_submit_and_wait_timeout(ring, &entry, 1, timeout_ns == INT64_MAX ? NULL : &time,
                                            NULL);
}
