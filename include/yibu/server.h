/* Servers: a task for each connection (asyncio.start_server).
 *
 *     static intptr_t serve(yibu_stream *stream, void *arg)
 *     {
 *         char *line;
 *         ssize_t n;
 *         while ((n = yibu_stream_readline(stream, &line)) > 0) {
 *             yibu_stream_write(stream, line, (size_t)n);
 *             yibu_stream_drain(stream);
 *         }
 *         return n;
 *     }
 *     …
 *     yibu_server *server;
 *     int r = yibu_start_server(serve, NULL, NULL, 7777, NULL, &server);
 *     if (r == 0)
 *         r = yibu_server_serve_forever(server);
 *     yibu_server_free(server);
 *
 * Context, where nothing else is said: the thread of the loop on which the server was started. */
#ifndef YIBU_SERVER_H
#define YIBU_SERVER_H

#include <yibu/base.h>
#include <yibu/stream.h>

typedef struct yibu_server yibu_server;

/* Serves one connection, in a task of its own.  The stream is the server's: once this returns, what
 * was written goes out, and it is closed and freed.  A cancel drops what has not gone out.
 * A result that is a failure is told to the loop's exception handler, but for -ECANCELED. */
typedef intptr_t yibu_connection_handler(yibu_stream *stream, void *arg);

/* Options of a server.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_server_options {
    size_t size;
    int backlog;            /* connections that wait to be accepted; default SOMAXCONN */
    bool reuse_port;        /* SO_REUSEPORT: one server a loop, the kernel spreads connections */
    bool keep_alive;        /* SO_KEEPALIVE */
    bool nagle;             /* TCP_NODELAY is not set */
    size_t max_connections; /* at once; others wait to be accepted; default: no limit */
    size_t stack_bytes;     /* of a connection's task, as in yibu_task_options */
    yibu_stream_options stream;
    void (*free_arg)(
        void *arg); /* called with arg once the server was freed and its last connection
                                  * has ended; not where starting it fails; may be NULL */
} yibu_server_options;

YIBU_BEGIN_DECLS

/* Listens on every address of host (NULL: of this machine) at port (0: the kernel chooses one, the
 * same for all), and begins to accept.  arg must live as long as connections do.  options may be
 * NULL.  Checkpoint.
 * Returns 0; -ECANCELED; -EADDRINUSE or another negative errno; or a YIBU_EAI_ code. */
YIBU_API int yibu_start_server_at(yibu_connection_handler *handler, void *arg, const char *host,
                                  uint16_t port, const yibu_server_options *options,
                                  yibu_server **ret_server, const char *place);
#define yibu_start_server(handler, arg, host, port, options, ret_server) \
    yibu_start_server_at((handler), (arg), (host), (port), (options), (ret_server), YIBU_HERE)

/* The same on a Unix socket: a path, or "@name" in the abstract namespace (unix(7)).  A socket that
 * nobody listens on any more is replaced; the path is removed when the server closes, where it is
 * still this server's.  Checkpoint.
 * Returns 0; -ECANCELED; -EADDRINUSE where somebody listens there, or the path is no socket; or
 * another negative errno. */
YIBU_API int yibu_start_unix_server_at(yibu_connection_handler *handler, void *arg,
                                       const char *path, const yibu_server_options *options,
                                       yibu_server **ret_server, const char *place);
#define yibu_start_unix_server(handler, arg, path, options, ret_server) \
    yibu_start_unix_server_at((handler), (arg), (path), (options), (ret_server), YIBU_HERE)

/* Waits until the server is closed.
 * Checkpoint.  Cancel: closes the server.  Returns 0 once it was closed, or -ECANCELED. */
YIBU_API int yibu_server_serve_forever(yibu_server *server);

/* Stops listening, at once.  Connections go on.  Never suspends. */
YIBU_API void yibu_server_close(yibu_server *server);

/* Closes every connection: handlers see the end of their streams, what was written goes out.
 * Never suspends. */
YIBU_API void yibu_server_close_clients(yibu_server *server);

/* The same without waiting for what was written: it is dropped.  Never suspends. */
YIBU_API void yibu_server_abort_clients(yibu_server *server);

/* Waits until the server is closed and every connection has ended.
 * Checkpoint.  Returns 0 or -ECANCELED. */
YIBU_API int yibu_server_wait_closed(yibu_server *server);

/* Whether it accepts connections.  Never suspends. */
YIBU_API bool yibu_server_is_serving(const yibu_server *server);

/* How many connections there are.  Never suspends. */
YIBU_API size_t yibu_server_connections(const yibu_server *server);

/* The sockets it listens on, at most max of them: the server's, for yibu_getsockname and the like.
 * Never suspends.  Returns how many there are; none once it is closed. */
YIBU_API size_t yibu_server_sockets(const yibu_server *server, int *ret_sockets, size_t max);

/* The port it listens on; 0 once it is closed, and for Unix sockets.  Never suspends. */
YIBU_API uint16_t yibu_server_port(const yibu_server *server);

/* Closes the server and drops it; connections go on by themselves.  NULL is fine.  May be called
 * after the loop has ended.  Never suspends. */
YIBU_API void yibu_server_free(yibu_server *server);

YIBU_END_DECLS

#endif
