/* The backend interface: everything the loop reaches outside itself goes through here (operations,
 * waiting, wake-ups, clock, randomness), so that a simulator can take its place.
 *
 * A backend is completion-shaped: an operation is submitted and later completed with its result.
 * States of an operation (op->state): IDLE -> PENDING (submitted) -> IDLE (completed, callback
 * called); CANCELLING is PENDING after a cancel was asked for.  Only the loop's thread touches an
 * operation. */
#ifndef YB_PLATFORM_BACKEND_H
#define YB_PLATFORM_BACKEND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "base/list.h"
#include "base/timer_wheel.h"
#include <yibu/op.h>

struct addrinfo;

typedef struct yb_backend yb_backend;
typedef struct yb_op yb_op;

typedef enum yb_op_kind {
    YB_OP_NONE,
    YB_OP_READ,
    YB_OP_WRITE,
    YB_OP_RECV,
    YB_OP_SEND,
    YB_OP_SEND_ALL,
    YB_OP_ACCEPT,
    YB_OP_CONNECT,
    YB_OP_POLL,
    YB_OP_RECV_MESSAGE,
    YB_OP_SEND_MESSAGE,
    /* A call on a file or path (file_call.h), which a backend may refuse with -ENOTSUP: then a
     * thread performs it.  fd is the descriptor it is on, -1 where it is on a path. */
    YB_OP_FILE,
    YB_OP_SLEEP,  /* the loop's own: never reaches a backend */
    YB_OP_CUSTOM, /* completed by another room (executors): cancelled through op->custom_cancel */
} yb_op_kind;

typedef enum yb_op_state { YB_OP_IDLE, YB_OP_PENDING, YB_OP_CANCELLING } yb_op_state;

/* The runtime's view of a yibu_op. */
struct yb_op {
    void (*callback)(yb_op *op, ssize_t result);
    void *arg;
    yibu_loop *loop;
    uint8_t kind;
    uint8_t state;
    uint8_t phase;  /* io_uring: what was queued for it last */
    bool is_public; /* its owner is not the runtime: the loop lasts until its callback has run */
    int fd;
    yb_runnable ready; /* carries a result that is there already to the loop's next turn */
    ssize_t result;
    union {
        struct {
            yb_list links; /* epoll: among the waiters of fd and direction */
            union {
                void *buffer;
                const void *source;
                yibu_address *peer;     /* accept */
                uint64_t events;        /* poll */
                struct msghdr *message; /* recv_message, send_message; size: flags of the call */
                struct yb_file_call *file;
            };
            size_t size;
            union {
                int64_t offset;    /* read, write */
                size_t *ret_sent;  /* send_all */
                socklen_t *length; /* accept: where the kernel leaves the address length */
            };
            size_t done; /* send_all */
        };
        yb_timer timer; /* sleep */
        struct {
            bool (*custom_cancel)(yb_op *op); /* false: cannot be stopped any more */
            void *custom_data;
            uintptr_t custom_room[7]; /* the other room's own */
        };
    };
};

_Static_assert(sizeof(struct yb_op) <= sizeof(yibu_op), "yibu_op has room for yb_op");

/* How many tasks and callbacks a turn of the loop runs, at most. */
enum { YB_TURN_BUDGET = 64 };

/* The most that one system call transfers (read(2)). */
enum { YB_MAX_TRANSFER = 0x7ffff000 };

/* Sockets that are not the kernel's: what a simulator does in the place of the system calls around
 * operations.  Results as theirs, failures as negative errnos. */
typedef struct yb_network_class {
    bool (*owns)(yb_backend *backend, int fd); /* whether fd is one of these sockets */
    int (*open)(yb_backend *backend, int family);
    int (*set_option)(yb_backend *backend, int fd, int level, int option, int value);
    int (*listen)(yb_backend *backend, int fd, const yibu_address *address, int backlog);
    int (*get_name)(yb_backend *backend, int fd, yibu_address *ret_address);
    int (*get_peer)(yb_backend *backend, int fd, yibu_address *ret_address);
    int (*shut_down)(yb_backend *backend, int fd, int how);
    int (*close)(yb_backend *backend, int fd);
    /* getaddrinfo(3), with a code of <yibu/error.h>.  Called where functions on threads run. */
    int (*look_up)(yb_backend *backend, const char *host, const char *service,
                   const struct addrinfo *hints, struct addrinfo **ret_list);
} yb_network_class;

typedef struct yb_backend_class {
    const char *name;
    int (*open)(unsigned entries, yb_backend **ret_backend);
    void (*close)(yb_backend *backend);

    /* Takes op (kind, fd and arguments set, state IDLE).  Returns 1 when it is done already, with
     * op->result set; 0 when it is pending and yb_op_complete will follow; a negative errno. */
    int (*submit)(yb_backend *backend, yb_op *op);
    /* Asks a pending op to end early: yb_op_complete follows, from wait or from here. */
    void (*cancel)(yb_backend *backend, yb_op *op);
    /* Says that fd is Yibu's own socket: nobody closes it but through forget_fd, so what is known
     * of it (its registration) may be kept between operations.  Accepted sockets are adopted. */
    void (*adopt_fd)(yb_backend *backend, int fd);
    /* Ends every operation on fd with -EBADF before the caller closes it. */
    void (*forget_fd)(yb_backend *backend, int fd);

    /* Hands completed operations to yb_op_complete; waits until one is there, a wake-up, or
     * deadline_ns (0: does not wait; INT64_MAX: without limit).  Returns 0 or a negative errno. */
    int (*wait)(yb_backend *backend, int64_t deadline_ns);
    /* Makes wait return, from any thread and from signal handlers. */
    void (*wake)(yb_backend *backend);
    /* A descriptor that polls readable when wait(0) would find something, or a negative errno.
     * Asked for again whenever the loop ceases to run, to submit what was queued. */
    int (*descriptor)(yb_backend *backend);

    /* Registers memory for calls on files; NULL: there is no such thing.  Returns the number that
     * those name it by, or a negative errno. */
    int (*register_memory)(yb_backend *backend, void *base, size_t size);
    void (*unregister_memory)(yb_backend *backend, int number);

    const yb_network_class *network; /* NULL: the kernel's */

    int64_t (*now)(yb_backend *backend); /* monotonic, in nanoseconds */
    int (*random)(yb_backend *backend, void *ret_bytes, size_t size);
} yb_backend_class;

struct yb_backend {
    const yb_backend_class *class;
    /* About how many completions a wait shall hand over, while more can be left for the next one:
     * as many as run in a turn.  More would only push each other out of the caches.  The loop's. */
    unsigned batch;
};

/* Asks the memory for an operation, and for what lies before it: mostly it is part of the header of
 * the task that waits for it. */
static inline void yb_op_fetch(const void *op)
{
    enum { CACHE_LINE_BYTES = 64, BEFORE_BYTES = 96, LINES = 4 };
    const char *start = (const char *)op - BEFORE_BYTES;
    for (int i = 0; i < LINES; i++)
        __builtin_prefetch(start + i * CACHE_LINE_BYTES, 1);
}

/* The loop's side of a completion, for backends.  From wait: runs the callback. */
void yb_op_complete(yb_op *op, ssize_t result);
/* From anywhere else: runs the callback in the loop's next turn. */
void yb_op_complete_soon(yb_op *op, ssize_t result);

/* The system's clock and randomness, as both kernel backends offer them. */
int64_t yb_clock_now(yb_backend *backend);
int yb_random_bytes(yb_backend *backend, void *ret_bytes, size_t size);

extern const yb_backend_class yb_epoll_class;
extern const yb_backend_class yb_io_uring_class;

/* Opens the backend of that name (NULL: the default, falling back from io_uring to epoll, then
 * *ret_fallback says why, else 0). */
int yb_backend_open(const char *name, unsigned entries, yb_backend **ret_backend,
                    int *ret_fallback);

#endif
