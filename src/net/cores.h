/* Servers on many cores from the inside. */
#ifndef YB_NET_CORES_H
#define YB_NET_CORES_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "net/server.h"
#include <yibu/channel.h>
#include <yibu/serve_cores.h>

/* How far all of them are: only ever forward. */
typedef enum yb_cores_phase {
    YB_CORES_STARTING,
    YB_CORES_SERVING,
    YB_CORES_DRAINING,
    YB_CORES_DRAINED, /* no loop had a connection */
    YB_CORES_ABORTING
} yb_cores_phase;

/* A connection on its way to another loop. */
typedef struct yb_arrival {
    yb_runnable posted;
    yibu_core *core; /* where it goes */
    yibu_connection_handler *handler;
    void *arg;
    int fd;
    size_t size; /* of what was read already */
    char bytes[];
} yb_arrival;

struct yibu_core {
    yibu_cores *cores;
    unsigned index;
    pthread_t thread;
    int start_result; /* once it has started, or not */
    int result;       /* once it has ended */

    /* Its thread's. */
    bool has_started; /* and said so, or why not */
    void *state;
    yibu_task *setting_up; /* while it is in its setup */
    yibu_server *server;
    const yb_arrival *arriving; /* what the task that begins now is to serve */
    yibu_event news;            /* the phase has changed */

    /* Under the lock. */
    pthread_mutex_t lock;
    yibu_loop *loop; /* while others may post to it */
    bool open;       /* takes connections */

    /* Any thread's. */
    atomic_size_t connections;
    atomic_size_t coming; /* on their way; grows under the lock alone */
    atomic_bool told;     /* `order` is posted */
    yb_runnable order;    /* look at the phase */
};

struct yibu_cores {
    yibu_connection_handler *handler; /* or the options' factory */
    void *arg;
    yibu_cores_options options;
    yibu_loop_options loop_options;
    yibu_server_options server_options;
    const char *place;
    char name[16];
    int64_t drain_ns;
    bool balance;
    _Atomic(yb_cores_phase) phase;

    /* The sockets: `addresses` of them a core, one core's after the other's. */
    int *sockets;
    size_t addresses;
    uint16_t port;
    char *path; /* of a Unix socket that is to be removed, or NULL */
    dev_t device;
    ino_t inode;
    bool is_unix;

    /* Of who starts and waits. */
    yibu_channel *started, *ended; /* each core says so once */
    unsigned running;              /* threads that have not said that they ended */
    int result;
    unsigned count;
    yibu_core cores[];
};

/* Raises the phase and tells every core.  Any thread. */
void yb_cores_advance(yibu_cores *cores, yb_cores_phase phase);

/* Lets a core that has started take connections of others. */
void yb_core_open(yibu_core *core);

/* A core's thread, which says on `started` whether it is ready to serve and on `ended` that it
 * ends. */
void *yb_core_run(void *arg);

/* Binds a core's sockets each, so that the port is known; then listens on all.
 * Returns 0 or a failure; what there is stays for yb_cores_close_sockets. */
int yb_cores_bind_tcp(yibu_cores *cores, const char *host, uint16_t port);
int yb_cores_bind_unix(yibu_cores *cores, const char *path);
int yb_cores_listen(yibu_cores *cores);

/* Closes those that no core has taken, and removes the path of a Unix socket. */
void yb_cores_close_sockets(yibu_cores *cores);
void yb_cores_remove_path(yibu_cores *cores);

/* Takes care that nothing new comes to a listener, while what is in its line can be accepted. */
void yb_cores_deafen(const yibu_cores *cores, int fd);

/* The connection handler of every core's server; arg is the core. */
intptr_t yb_core_serve_connection(yibu_stream *stream, void *arg);

/* The route of every core's server. */
bool yb_core_route(yibu_server *server, int fd);

#endif
