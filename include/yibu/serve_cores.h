/* Servers on many cores: one loop a core, on a thread of its own, and every loop accepts.
 *
 *     static intptr_t echo(yibu_stream *stream, void *arg);     // as for yibu_start_server
 *
 *     int main(void)
 *     {
 *         return yibu_serve_cores(echo, NULL, NULL, 7777, NULL) < 0;
 *     }
 *
 * Nothing is shared between the loops but what the program shares: a connection's task runs on the
 * loop that it began on.  What belongs to a loop is made by the `setup` of the options and found
 * with yibu_core_state.  A connection may be handed over to another loop, where it begins a new
 * task.
 *
 * On TCP each loop has a socket of its own (SO_REUSEPORT), and the kernel spreads connections by
 * their addresses; `balance` moves those that come to a busier loop.  Another process of the same
 * user may listen at the same port, and shares the connections: so a new one can start before the
 * old one ends.  On a Unix socket all loops accept from one line, and connections are always
 * balanced.
 *
 * Stopping is graceful: no loop takes new connections, those that wait in line are accepted, and
 * those that there are may go on for the time that `drain_ns` allows; then they are aborted and
 * their tasks cancelled.  On TCP, handshakes that have begun may take a tenth of a second to end;
 * the client of one that takes longer sees a reset.  On a Unix socket nothing is lost. */
#ifndef YIBU_SERVE_CORES_H
#define YIBU_SERVE_CORES_H

#include <yibu/loop.h>
#include <yibu/protocol.h>
#include <yibu/server.h>
#include <yibu/stream.h>

typedef struct yibu_cores yibu_cores; /* all loops of a server */
typedef struct yibu_core yibu_core;   /* one of them; lives as long as all */

/* Called in a task of each loop before it serves; may suspend.  A failure stops all loops. */
typedef int yibu_core_setup(yibu_core *core, void *arg);
/* The same once its last connection has ended, where setup had succeeded. */
typedef void yibu_core_teardown(yibu_core *core, void *arg);

/* Options.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_cores_options {
    size_t size;
    unsigned loops;         /* default: the cores that the calling thread may use; at most 1024 */
    bool pin;               /* each loop's thread stays on one of those cores */
    bool balance;           /* TCP: connections go to the loop that has fewest */
    const char *name;       /* of the threads, "NAME/0" …, 15 bytes of it; default "yibu" */
    yibu_core_setup *setup; /* both with the handler's arg */
    yibu_core_teardown *teardown;
    int64_t drain_ns; /* default 10 s; YIBU_FOREVER: until the last connection has ended */
    const yibu_loop_options *loop;     /* of each loop */
    const yibu_server_options *server; /* of each loop's server; max_connections is a loop's */
    yibu_protocol_factory *factory;    /* in the place of a handler, which is NULL then: makes the
                                        * protocol of each connection, called with the handler's arg
                                        * by the loop that serves it */
} yibu_cores_options;

YIBU_BEGIN_DECLS

/* Serves on every address of host (NULL: of this machine) at port until the process receives
 * SIGTERM or SIGINT, or yibu_cores_stop is called; the second signal aborts what the first one
 * left.  options may be NULL.
 * Context: a task, or a thread without a running loop, which it blocks.  Must finish: a cancel
 * stops the loops, and waits for them.
 * Returns 0; -ECANCELED; or why the loops could not start, or ended: as yibu_start_cores. */
YIBU_API int yibu_serve_cores_at(yibu_connection_handler *handler, void *arg, const char *host,
                                 uint16_t port, const yibu_cores_options *options,
                                 const char *place);
#define yibu_serve_cores(handler, arg, host, port, options) \
    yibu_serve_cores_at((handler), (arg), (host), (port), (options), YIBU_HERE)

/* The same on a Unix socket, as in yibu_start_unix_server. */
YIBU_API int yibu_serve_unix_cores_at(yibu_connection_handler *handler, void *arg, const char *path,
                                      const yibu_cores_options *options, const char *place);
#define yibu_serve_unix_cores(handler, arg, path, options) \
    yibu_serve_unix_cores_at((handler), (arg), (path), (options), YIBU_HERE)

/* Starts the loops and returns once all of them listen.  Listens to no signals.
 * Context: as above.  Checkpoint.  Cancel: no loop is left.
 * Returns 0; -ECANCELED; -EAGAIN where there can be no more threads; a failure of a loop, of a
 * setup, or of listening (-EADDRINUSE …); a YIBU_EAI_ code; -EINVAL; -ENOMEM; or -ENOTSUP in a
 * simulation.  No loop is left then. */
YIBU_API int yibu_start_cores_at(yibu_connection_handler *handler, void *arg, const char *host,
                                 uint16_t port, const yibu_cores_options *options,
                                 yibu_cores **ret_cores, const char *place);
#define yibu_start_cores(handler, arg, host, port, options, ret_cores) \
    yibu_start_cores_at((handler), (arg), (host), (port), (options), (ret_cores), YIBU_HERE)
YIBU_API int yibu_start_unix_cores_at(yibu_connection_handler *handler, void *arg, const char *path,
                                      const yibu_cores_options *options, yibu_cores **ret_cores,
                                      const char *place);
#define yibu_start_unix_cores(handler, arg, path, options, ret_cores) \
    yibu_start_unix_cores_at((handler), (arg), (path), (options), (ret_cores), YIBU_HERE)

/* Begins to stop, gracefully; and without waiting for connections: they are aborted, and their
 * tasks cancelled.  Never suspend.  Context: any thread, not a signal handler. */
YIBU_API void yibu_cores_stop(yibu_cores *cores);
YIBU_API void yibu_cores_abort(yibu_cores *cores);

/* Waits until all loops have ended.  Context: as yibu_serve_cores; one caller at a time.
 * Checkpoint.  Returns 0, the first failure of a loop, or -ECANCELED. */
YIBU_API int yibu_cores_wait(yibu_cores *cores);

/* Frees the loops, which it aborts and waits for where they have not ended.  NULL is fine.
 * Context: as yibu_serve_cores.  Must finish. */
YIBU_API void yibu_cores_free(yibu_cores *cores);

/* The port, 0 for a Unix socket; the loops, in the order of their index (NULL beyond the last); how
 * many connections there are.  Context: any thread. */
YIBU_API uint16_t yibu_cores_port(const yibu_cores *cores);
YIBU_API unsigned yibu_cores_count(const yibu_cores *cores);
YIBU_API yibu_core *yibu_cores_core(yibu_cores *cores, unsigned index);
YIBU_API size_t yibu_cores_connections(const yibu_cores *cores);

/* The loop with the fewest connections; of several, the caller's own.  Context: any thread. */
YIBU_API yibu_core *yibu_cores_least_loaded(yibu_cores *cores);

/* Which of the loops the calling thread runs; NULL: none. */
YIBU_API yibu_core *yibu_current_core(void);

/* Context: any thread. */
YIBU_API yibu_cores *yibu_core_cores(const yibu_core *core);
YIBU_API unsigned yibu_core_index(const yibu_core *core);
YIBU_API size_t yibu_core_connections(const yibu_core *core); /* those on their way included */

/* A pointer that belongs to the loop: set by its setup, say.  Context: the loop's thread. */
YIBU_API void yibu_core_set_state(yibu_core *core, void *state);
YIBU_API void *yibu_core_state(const yibu_core *core);

/* Moves a connection to a loop, which may be the caller's: there handler(stream, arg) begins in a
 * new task, with another stream over the same socket that has what was buffered for reading.
 * handler NULL means the server's own, with its arg.  What was written goes out first.  The stream
 * is aborted then, which no longer concerns the connection; it stays the caller's, or its server's,
 * to free.
 * Context: a task on the stream's loop, which may be any.  Checkpoint.
 * Returns 0; -ECANCELED; -ENOTSUP where the stream is more than a socket (TLS), or where
 * connections of the loop are protocols; -EPIPE where it is closing; -EBUSY while another task
 * reads; YIBU_ESHUTDOWN where the loop has ended or aborts; -EMFILE; -ENOMEM; or why writing
 * failed.  The stream is as it was then, still the caller's. */
YIBU_API int yibu_core_hand_over(yibu_core *core, yibu_stream *stream,
                                 yibu_connection_handler *handler, void *arg);

/* The same with a connected socket, which it takes over.  Where connections of the loop are
 * protocols, it becomes one, and handler is NULL.  Never suspends.  Context: any thread.
 * Returns 0; or -EINVAL, -EBADF, -ENOMEM, YIBU_ESHUTDOWN: the descriptor is the caller's still. */
YIBU_API int yibu_core_hand_over_fd(yibu_core *core, int fd, yibu_connection_handler *handler,
                                    void *arg);

YIBU_END_DECLS

#endif
