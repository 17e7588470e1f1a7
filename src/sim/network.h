/* The network of a simulation: sockets, the connections between them, the links below.
 *
 * A socket is known by a descriptor of the simulation's own numbers, far above the kernel's, so
 * that a system call on it fails and nothing depends on which descriptors a process has open. */
#ifndef YB_SIM_NETWORK_H
#define YB_SIM_NETWORK_H

#include "sim/sim.h"
#include <yibu/address.h>

enum { YB_SIM_FIRST_FD = 1 << 16 };

/* What one end of a connection has sent and the other has not received: a ring of bytes, the first
 * `arrived` of which can be received, and the segments that are on their way. */
typedef struct yb_sim_flow {
    yb_sim *sim;
    unsigned side;            /* its own, in the connection */
    yb_sim_socket *from, *to; /* NULL once closed */
    char *bytes;              /* a ring of options.buffer_bytes; NULL until something is sent */
    size_t head, size, arrived;
    yb_list segments;
    yb_timer timer; /* of the first segment, while armed */
    bool armed;
    bool held;          /* the first segment is due, and the link is parted */
    bool finished;      /* its sender sends no more */
    bool ended;         /* which its receiver knows */
    int64_t sent_ns;    /* when the link has taken what was given to it */
    int64_t arrives_ns; /* when the last segment arrives */
} yb_sim_flow;

typedef struct yb_sim_connection {
    yb_list links;        /* among the network's */
    yb_sim_flow flows[2]; /* from side 0, from side 1 */
    yibu_address hosts[2];
} yb_sim_connection;

typedef enum yb_sim_socket_state {
    YB_SIM_FRESH,
    YB_SIM_LISTENING,
    YB_SIM_CONNECTING,
    YB_SIM_CONNECTED,
    YB_SIM_BROKEN /* was reset: nothing more is sent or received */
} yb_sim_socket_state;

enum { YB_SIM_READERS, YB_SIM_WRITERS, YB_SIM_POLLERS, YB_SIM_QUEUES };

struct yb_sim_socket {
    yb_sim *sim;
    int fd;    /* -1 until it is accepted */
    int error; /* to be told once, as SO_ERROR */
    yb_sim_socket_state state;
    int family;
    bool reuse_port;
    bool deaf;    /* shut down for receiving */
    bool serving; /* its operations are being looked at */
    yibu_address local, peer;
    yb_list waiting[YB_SIM_QUEUES];
    yb_timer again; /* looks at those who wait once more, while set */
    bool again_set;
    /* FRESH from a listener: among those to be accepted; LISTENING: of the network. */
    yb_list links;
    yb_sim_connection *connection;
    unsigned side;
    /* LISTENING */
    yb_list arrivals; /* sockets to be accepted */
    unsigned arrival_count, backlog;
    /* CONNECTING */
    yb_op *connecting; /* NULL where it was cancelled */
    yb_timer timer;
    bool timer_set;
    int64_t give_up_ns;
    int refused; /* what the answer on its way says */
};

extern const yb_network_class yb_sim_network_class;

void yb_sim_network_init(yb_sim *sim);

/* Frees every socket and connection; operations under way are forgotten, not completed. */
void yb_sim_network_destroy(yb_sim *sim);

/* The socket of a descriptor, NULL where it is none of the simulation's. */
yb_sim_socket *yb_sim_find_socket(yb_sim *sim, int fd);

/* A socket without a descriptor; NULL without memory. */
yb_sim_socket *yb_sim_socket_new(yb_sim *sim, int family);
/* Gives it one, the lowest that is free.  Returns it, or -ENOMEM, -EMFILE. */
int yb_sim_socket_enter(yb_sim_socket *s);
/* Ends what it waits for with -EBADF, its connection as the kernel does, and frees it. */
void yb_sim_socket_close(yb_sim_socket *s);

/* Memory of the simulator's own, which no fault takes away. */
void *yb_sim_allocate(yb_sim *sim, size_t size);

/* Adds a line about a socket to the trace.  printf-style. */
__attribute__((format(printf, 2, 3))) void yb_sim_trace_socket(const yb_sim_socket *s,
                                                               const char *format, ...);

/* Operations on sockets: transfer.c. */

int yb_sim_socket_submit(yb_sim_socket *s, yb_op *op);
void yb_sim_socket_cancel(yb_sim_socket *s, yb_op *op);
/* Looks whether what the socket's operations wait for has come. */
void yb_sim_socket_serve(yb_sim_socket *s);
/* Ends every operation on it. */
void yb_sim_socket_end_all(yb_sim_socket *s, ssize_t result);

/* Listening and connecting: connect.c. */

int yb_sim_socket_listen(yb_sim_socket *s, const yibu_address *address, int backlog);
void yb_sim_socket_unlisten(yb_sim_socket *s);
/* As operations of other kinds: a result, or -EAGAIN where it has begun. */
ssize_t yb_sim_socket_connect(yb_sim_socket *s, yb_op *op);
/* A descriptor, or -EAGAIN. */
ssize_t yb_sim_socket_accept(yb_sim_socket *s, yb_op *op);

/* Connections: flow.c. */

/* Connects two sockets; false without memory. */
bool yb_sim_connect_sockets(yb_sim_socket *client, yb_sim_socket *server);
ssize_t yb_sim_socket_receive(yb_sim_socket *s, void *to, size_t size);
ssize_t yb_sim_socket_send(yb_sim_socket *s, const void *from, size_t size);
/* The end of the stream, sent after what was sent. */
void yb_sim_socket_finish(yb_sim_socket *s);
/* Takes the socket out of its connection, whose other end hears of it. */
void yb_sim_socket_disconnect(yb_sim_socket *s);
/* Breaks the connection at both ends, with an error. */
void yb_sim_connection_break(yb_sim_connection *c, int error);
/* Lets what a link held go on. */
void yb_sim_connection_resume(yb_sim_connection *c);
void yb_sim_connection_free(yb_sim_connection *c);
bool yb_sim_socket_readable(const yb_sim_socket *s);
bool yb_sim_socket_writable(const yb_sim_socket *s);

/* Links: link.c. */

/* Whether the two hosts, whatever their ports, are parted. */
bool yb_sim_parted(const yb_sim *sim, const yibu_address *a, const yibu_address *b);
/* How long a segment takes, but for its size: the latency, and jitter from the seed. */
int64_t yb_sim_delay(yb_sim *sim);
/* Maybe parts two hosts for a while. */
void yb_sim_maybe_part(yb_sim *sim, const yibu_address *a, const yibu_address *b);
void yb_sim_heal_all(yb_sim *sim);
/* The host that the running task is on; NULL: nobody said. */
const yibu_address *yb_sim_host_of_task(void);
void yb_sim_forget_hosts(yb_sim *sim);
bool yb_sim_same_host(const yibu_address *a, const yibu_address *b);

#endif
