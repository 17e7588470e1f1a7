/* Servers from the inside. */
#ifndef YB_NET_SERVER_H
#define YB_NET_SERVER_H

#include <stdatomic.h>
#include <sys/stat.h>

#include "base/list.h"
#include "io/transport.h"
#include <yibu/event.h>
#include <yibu/server.h>
#include <yibu/task.h>

typedef struct yb_listener {
    yibu_server *server;
    int fd; /* -1 once it is closed */
    yibu_task *task;
    bool *ret_started; /* set when the task begins: without memory it never does */
} yb_listener;

struct yibu_server {
    yibu_loop *loop;
    yibu_connection_handler *handler; /* one of the two */
    yibu_protocol_factory *factory;
    void *arg;
    yibu_server_options options;
    const char *place;
    size_t references; /* the program's, a task's each */
    yb_listener *listeners;
    size_t listener_count;
    size_t accepting;    /* listeners whose task has not ended */
    yb_list connections; /* yb_connection.links */
    size_t connection_count;
    yibu_event room;     /* a connection has ended: there is room for another, maybe a descriptor */
    yibu_event closed;   /* yibu_server_close was called */
    yibu_event finished; /* … and every task has ended */
    bool closing;
    bool reported;       /* accepting fails, and that was told */
    int64_t reported_ns; /* when it failed last */
    char *path;          /* of a Unix socket that is to be removed, or NULL */
    dev_t device;        /* which file that was */
    ino_t inode;

    /* Of a server that is one of several: see serve_cores.c. */
    bool (*route)(yibu_server *server, int fd); /* takes an accepted fd over, or answers false */
    atomic_size_t *load;                        /* counts connections for other threads, or NULL */
};

/* A connection: a stream with a task, or a transport with a protocol. */
typedef struct yb_connection {
    yb_list links;
    yibu_server *server;
    yibu_stream *stream; /* or NULL */
    yibu_task *task;     /* its own, while it has not ended */
    bool *ret_started;   /* as a listener's */
    yibu_transport *transport;
    yb_transport_owner owner; /* of the transport */
} yb_connection;

/* What a server is to be like. */
typedef struct yb_server_request {
    yibu_connection_handler *handler; /* one of the two */
    yibu_protocol_factory *factory;
    void *arg;
    const yibu_server_options *options;
    const char *place;
} yb_server_request;

/* A server with room for so many listeners: 0, -EINVAL or -ENOMEM.  Without a handler, whoever
 * makes it sets its factory. */
int yb_server_new(yibu_connection_handler *handler, void *arg, const yibu_server_options *options,
                  size_t listeners, const char *place, yibu_server **ret_server);

/* Starts it on addresses of a host, and on a Unix socket: as the public calls, but for the
 * checkpoint of a task that calls. */
int yb_server_start_tcp(const yb_server_request *request, const char *host, uint16_t port,
                        yibu_server **ret_server);
int yb_server_start_unix(const yb_server_request *request, const char *path,
                         yibu_server **ret_server);

/* Begins to accept on the listeners it has and hands the server out, unless `listening`, how that
 * went, is a failure.  Frees the server, which may be NULL then, where it fails.
 * Returns 0, that failure, or -ENOMEM. */
int yb_server_start(yibu_server *server, int listening, yibu_server **ret_server);

/* Serves a connected socket, which it takes over: 0, or a negative errno. */
int yb_server_begin_connection(yibu_server *server, int fd);

/* Serves a connected socket as if the server had accepted it, also while it is closing.  Takes fd
 * over.  The handler runs within, until it first suspends.  Returns 0 or -ENOMEM: fd is closed. */
int yb_server_adopt(yibu_server *server, int fd);

/* Requests the cancel of every connection's task. */
void yb_server_cancel_clients(yibu_server *server);

/* Drops a reference. */
void yb_server_unref(yibu_server *server);

/* Looks whether every task has ended. */
void yb_server_settle(yibu_server *server);

/* The task of a yb_listener. */
intptr_t yb_server_accept(void *arg);

#endif
