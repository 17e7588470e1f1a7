/* Deterministic simulation: a program runs on a loop whose clock is virtual, whose ready tasks run
 * in an order drawn from a seed, whose sockets are memory, and whose calls fail as the seed has it.
 * The same seed is the same run, to the byte of its trace.
 *
 *     static intptr_t program(void *arg) { … }       // any coroutine, as for yibu_run
 *     int main(void)
 *     {
 *         yibu_sim_options options = {.size = sizeof(options), .cancel = 0.01};
 *         return yibu_failed(yibu_sim_run(1, program, NULL, &options));
 *     }
 *
 *     $ yibu sim --seeds 1000 ./program
 *
 * Every decision is a choice: a number below a bound, where 0 is what would happen without a
 * simulator (the task that is ready longest, no fault, no delay).  A run is its choices: a list of
 * them replays it, and what is missing from the list is 0. */
#ifndef YIBU_SIM_H
#define YIBU_SIM_H

#include <yibu/base.h>
#include <yibu/loop.h>
#include <yibu/task.h>

/* A name that yibu_getaddrinfo knows in the simulation. */
typedef struct yibu_sim_host {
    const char *name;
    const char *address; /* numeric */
} yibu_sim_host;

/* What became of a run. */
typedef struct yibu_sim_report {
    size_t size;       /* set to sizeof */
    uint64_t seed;     /* that was used */
    uint64_t steps;    /* tasks and callbacks run */
    uint64_t choices;  /* decisions made */
    uint64_t faults;   /* injected, cancels included */
    uint64_t digest;   /* of all choices and steps: equal for equal runs */
    int64_t time_ns;   /* virtual, since the beginning */
    intptr_t failure;  /* why the simulator ended the run: a negative errno; 0: it did not */
    unsigned stranded; /* tasks that did not end when they were cancelled, and were dropped */
    char text[4096];   /* what the failure is, in lines; empty without one */
} yibu_sim_report;

/* Options of a run.  Set size to sizeof; zero means the default everywhere else.  Probabilities are
 * between 0, the default, and 1. */
typedef struct yibu_sim_options {
    size_t size;

    bool fifo;             /* ready tasks run first come, first served: no shuffle */
    int64_t step_ns;       /* each step takes up to this much virtual time; default: none */
    uint64_t step_limit;   /* then the run fails with -ELOOP; default 1,000,000 */
    int64_t time_limit_ns; /* of virtual time, then it fails with -ETIME; default: none */
    const char *choices;   /* "INDEX:VALUE,…": replayed in the seed's stead; NULL: the seed's */

    /* Cancels, before any step, of a task that may_cancel allows (NULL: all but the main one). */
    double cancel;
    bool (*may_cancel)(yibu_task *task, void *arg);
    void *may_cancel_arg;

    /* Failures of calls. */
    double allocation_failure; /* of memory that Yibu allocates while a task or callback runs */
    double accept_failure;     /* -EMFILE, -ENFILE, -ENOBUFS, -ECONNABORTED */
    double connect_failure;    /* -ECONNREFUSED, -ETIMEDOUT, -EHOSTUNREACH, -ENETUNREACH */
    double read_failure;       /* -ECONNRESET, -ETIMEDOUT; -EIO of files */
    double write_failure;      /* -ECONNRESET, -EPIPE; -EIO, -ENOSPC of files */
    double interrupt;          /* an attempt ends in EINTR and is made again later */
    double job_failure;        /* a worker process dies: YIBU_EWORKER */
    double lookup_failure;     /* YIBU_EAI_AGAIN */

    /* The network. */
    int64_t latency_ns;         /* one way, at least; default: none */
    int64_t jitter_ns;          /* added to it at most; default: none */
    uint64_t bandwidth;         /* bytes a second, one way, of each connection; default: no limit */
    size_t buffer_bytes;        /* sent and not received, one way; default 65536 */
    double short_transfer;      /* less is sent or received than could be */
    double reset;               /* a connection breaks when something is sent */
    double partition;           /* its two hosts are parted when something is sent … */
    int64_t partition_ns;       /* … for up to this long; default 1 s */
    const yibu_sim_host *hosts; /* ends with a NULL name; names given twice have two addresses */

    /* How long functions on threads and jobs in processes wait, and run, at most; default 1 ms. */
    int64_t work_ns;

    /* Called after every step: a failure it returns ends the run. */
    intptr_t (*check)(void *arg);
    void *check_arg;

    /* Receives each line of the trace, without its newline.  Not for calls of Yibu. */
    void (*trace)(const char *line, void *arg);
    void *trace_arg;

    /* As in yibu_loop_options. */
    unsigned max_threads;
    yibu_exception_handler *exception_handler; /* default: one line on standard error, and traced */
    void *exception_handler_arg;

    yibu_sim_report *report; /* filled where not NULL */
} yibu_sim_options;

/* What the file that $YIBU_SIM_RECORD names holds, for tools: rewritten by each run of the process,
 * and true at any moment, also where the process has died.  `capacity` words with the values of the
 * first choices follow. */
typedef struct yibu_sim_record {
    char magic[8];     /* "yibusim1" */
    uint64_t capacity; /* words that follow: set by whoever made the file */
    uint64_t runs;     /* that the process has begun */
    uint64_t seed;     /* of the last of them, and so is what follows */
    uint64_t steps;
    uint64_t choices;
    uint64_t faults;
    int64_t failure; /* as in the report */
    uint64_t ended;  /* 1 once the run is over */
    uint64_t reserved[7];
} yibu_sim_record;

YIBU_BEGIN_DECLS

/* Runs main(arg) as yibu_run does, simulated: then cancels the tasks that are left, waits for them,
 * and ends the loop.  options may be NULL.  $YIBU_SIM_SEED, $YIBU_SIM_CHOICES (the text of choices,
 * or "@FILE"), $YIBU_SIM_TRACE (a file, "-" is standard error) and $YIBU_SIM_RECORD override what
 * was passed: that is how `yibu sim` drives a program.
 * Context: a thread without a loop.
 * Returns main's result; or, where the simulator ended the run, -EDEADLK (nothing can ever happen
 * again and tasks wait), -ELOOP, -ETIME, or check's failure; -EBUSY where this thread has a loop;
 * -EINVAL; -ENOMEM; or, where a file of the environment cannot be used, its negative errno. */
YIBU_API intptr_t yibu_sim_run(uint64_t seed, yibu_coroutine *main, void *arg,
                               const yibu_sim_options *options);

/* Whether this thread's loop is simulated.  Context: any thread. */
YIBU_API bool yibu_sim_running(void);

/* The seed of this thread's run, 0 without one. */
YIBU_API uint64_t yibu_sim_seed(void);

/* A choice of the program's own: a number below bound, 0 for a bound of 0 or 1 and outside
 * simulations.  Make 0 the plain case: shrinking goes there.  Context: the loop's thread. */
YIBU_API uint64_t yibu_sim_random(uint64_t bound);

/* A choice between no and yes, yes with that probability.  false outside simulations. */
YIBU_API bool yibu_sim_chance(double probability);

/* Adds a line to the trace.  printf-style.  For the run to replay byte for byte, print no pointers.
 * Context: the loop's thread; nothing happens outside simulations. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
YIBU_API void
yibu_sim_trace(const char *format, ...);

/* Parts two hosts, or with NULL for b one host from everybody: what is sent between them arrives
 * once the link is whole again.  Hosts are numeric addresses.  Context: the loop's thread.
 * Returns 0, -EINVAL, -ENOMEM, or -ENOTSUP outside simulations. */
YIBU_API int yibu_sim_partition(const char *a, const char *b);

/* Ends the partitions made with the same hosts.  Returns how many, or as above. */
YIBU_API int yibu_sim_heal(const char *a, const char *b);

/* Breaks the connections between two hosts, or of one: both ends have -ECONNRESET.
 * Returns how many, or as above. */
YIBU_API int yibu_sim_reset(const char *a, const char *b);

/* Puts the running task, and those it creates from now on, on a host: where its connections, but
 * for those to the loopback, come from.  Nobody has one at first: then they come from 192.0.2.1 or
 * 2001:db8::1.  Context: a task.  Returns 0, as above, or YIBU_ENOTASK. */
YIBU_API int yibu_sim_set_host(const char *host);

YIBU_END_DECLS

#endif
