/* Subprocesses: other programs, started and waited for without holding the loop.
 *
 *     const char *const argv[] = {"sort", "-u", NULL};
 *     yibu_subprocess_options options = {.size = sizeof(options),
 *                                        .in = YIBU_SUBPROCESS_PIPE, .out = YIBU_SUBPROCESS_PIPE};
 *     yibu_subprocess *sort;
 *     yibu_buffer sorted = {0};
 *     int r = yibu_create_subprocess_exec(argv, &options, &sort);
 *     if (r == 0)
 *         r = yibu_subprocess_communicate(sort, text, size, &sorted, NULL, 1 << 20);
 *     …                                        // its exit status, or a failure
 *     yibu_subprocess_free(sort);
 *
 * Children are known by a descriptor (pidfd), never by their number alone: a signal reaches that
 * child or nobody, other children of the program are left alone, and so is its SIGCHLD.  Linux 5.4.
 *
 * Context, where nothing else is said: the thread of the loop on which the child was created. */
#ifndef YIBU_SUBPROCESS_H
#define YIBU_SUBPROCESS_H

#include <sys/resource.h>
#include <sys/types.h>

#include <yibu/base.h>
#include <yibu/buffer.h>
#include <yibu/stream.h>

typedef struct yibu_subprocess yibu_subprocess;

/* Where a standard descriptor of the child leads; a positive number is a descriptor of the
 * caller's. */
enum {
    YIBU_SUBPROCESS_INHERIT = 0,  /* where this process's does */
    YIBU_SUBPROCESS_PIPE = -1,    /* to a stream of ours */
    YIBU_SUBPROCESS_STDOUT = -2,  /* err alone: where out does */
    YIBU_SUBPROCESS_DEVNULL = -3, /* nowhere */
    YIBU_SUBPROCESS_PTY = -4, /* to a terminal of its own, whose other end is a stream of ours */
};

/* What the child does with signals.  None has a handler of ours. */
typedef enum yibu_subprocess_signals {
    YIBU_SUBPROCESS_SIGNALS_RESTORE, /* none is blocked; what is ignored stays so (as under nohup),
                                      * but for SIGPIPE and SIGXFSZ, which have their defaults */
    YIBU_SUBPROCESS_SIGNALS_DEFAULT, /* none is blocked or ignored */
    YIBU_SUBPROCESS_SIGNALS_INHERIT, /* blocked and ignored is what the calling thread has */
} yibu_subprocess_signals;

/* A descriptor of the caller's, and its number in the child. */
typedef struct yibu_subprocess_fd {
    int fd;
    int child_fd;
} yibu_subprocess_fd;

/* Who the child runs as. */
typedef struct yibu_subprocess_user {
    uid_t uid;
    gid_t gid;
    const gid_t *groups; /* in the place of all supplementary ones */
    size_t group_count;
} yibu_subprocess_user;

/* A limit of setrlimit(2). */
typedef struct yibu_subprocess_limit {
    int resource;
    struct rlimit limit;
} yibu_subprocess_limit;

/* What was being done when a child could not be created. */
typedef enum yibu_subprocess_step {
    YIBU_SUBPROCESS_STEP_NONE,
    YIBU_SUBPROCESS_STEP_PREPARE, /* arguments, memory, pipes, the terminal */
    YIBU_SUBPROCESS_STEP_SPAWN,   /* the process itself */
    YIBU_SUBPROCESS_STEP_GROUP,   /* in the child: its session or process group */
    YIBU_SUBPROCESS_STEP_FDS,     /* its descriptors */
    YIBU_SUBPROCESS_STEP_CWD,     /* its working directory */
    YIBU_SUBPROCESS_STEP_LIMITS,
    YIBU_SUBPROCESS_STEP_USER,
    YIBU_SUBPROCESS_STEP_EXEC, /* the program */
} yibu_subprocess_step;

/* Options of a child.  Set size to sizeof; zero means the default everywhere else. */
typedef struct yibu_subprocess_options {
    size_t size;
    int in, out, err;               /* YIBU_SUBPROCESS_… or a descriptor */
    const char *executable;         /* the program, where it is not argv[0] */
    const char *cwd;                /* its working directory; default ours */
    const char *const *env;         /* its environment, "NAME=value" …, NULL; default ours */
    const char *const *env_changes; /* upon that: "NAME=value" sets, "NAME" removes; … NULL */
    const yibu_subprocess_fd *pass_fds;
    size_t pass_fds_count;
    bool inherit_fds; /* it gets all other descriptors that are not close-on-exec; default none */
    bool new_session; /* setsid(2); with a terminal of its own it always has one */
    bool new_group;   /* it leads a process group … */
    pid_t group;      /* … or belongs to this one; default ours */
    yibu_subprocess_signals signals;
    const yibu_subprocess_user *user;
    const yibu_subprocess_limit *limits;
    size_t limit_count;
    bool set_umask;
    mode_t umask;
    unsigned short rows, columns;   /* of its terminal; default 24 and 80 */
    yibu_subprocess_step *ret_step; /* where creating failed */
    yibu_stream_options streams;
} yibu_subprocess_options;

YIBU_BEGIN_DECLS

/* Starts a program: argv is its name and arguments, NULL at the end.  A name without a slash is
 * looked for in the PATH of the child's environment, a relative path in its working directory.
 * options may be NULL.  Everything named is read before the call suspends.
 * Checkpoint; the loop goes on meanwhile.  Cancel: no child is left behind.
 * Returns 0 once the program runs; -ECANCELED; or why not, the child's own failures included:
 * -ENOENT, -EACCES, -ENOEXEC, -EMFILE, -EAGAIN …; options.ret_step tells them apart. */
YIBU_API int yibu_create_subprocess_exec(const char *const *argv,
                                         const yibu_subprocess_options *options,
                                         yibu_subprocess **ret_process);

/* The same with a command for /bin/sh -c.  Quote what comes from elsewhere, or better use the
 * other one. */
YIBU_API int yibu_create_subprocess_shell(const char *command,
                                          const yibu_subprocess_options *options,
                                          yibu_subprocess **ret_process);

/* Frees the object and its streams.  A child that runs is killed and reaped behind the scenes.
 * NULL is fine.  Never suspends.  No task may be waiting for it: that aborts the program. */
YIBU_API void yibu_subprocess_free(yibu_subprocess *process);

/* The streams of its pipes, ours to read or write and the process's to free; NULL where there is
 * none.  With a terminal, all that lead there are one stream for both directions. */
YIBU_API yibu_stream *yibu_subprocess_stdin(const yibu_subprocess *process);
YIBU_API yibu_stream *yibu_subprocess_stdout(const yibu_subprocess *process);
YIBU_API yibu_stream *yibu_subprocess_stderr(const yibu_subprocess *process);

/* Its number.  Never use it for a signal: once it was waited for, it may be another's. */
YIBU_API pid_t yibu_subprocess_pid(const yibu_subprocess *process);

/* Waits for the child's end.  Any number of tasks may.
 * Checkpoint.  Cancel: the child goes on.
 * Returns its exit status, 128 + N where signal N ended it (as shells say it), -ECANCELED, or
 * -ECHILD where somebody else has reaped it. */
YIBU_API int yibu_subprocess_wait(yibu_subprocess *process);

/* The same without waiting: -EINPROGRESS while it runs.  Never suspends. */
YIBU_API int yibu_subprocess_returncode(const yibu_subprocess *process);

/* The signal that ended it; 0 while it runs, or where it ended by itself.  Never suspends. */
YIBU_API int yibu_subprocess_signal(const yibu_subprocess *process);

/* Writes input to its stdin and closes that, reads its stdout and stderr to their ends, and waits
 * for its own end.  What it says is appended to the two buffers, of which either may be NULL, limit
 * bytes to each at most.  It not reading all of its input is no failure.  Pipes end when everybody
 * who has them has closed them, the child's children included.
 * Checkpoint.  Cancel, or any failure: the child goes on; what was read is in the buffers, and
 * another call reads on (input NULL: what was given goes out by itself).
 * Returns as yibu_subprocess_wait; YIBU_ELIMIT where there is more; -EBUSY while another task
 * reads; or why reading failed. */
YIBU_API int yibu_subprocess_communicate(yibu_subprocess *process, const void *input, size_t size,
                                         yibu_buffer *output, yibu_buffer *errors, size_t limit);

/* Sends it a signal; terminate and kill: SIGTERM and SIGKILL.  Never suspends.
 * Returns 0; -ESRCH where it is known to have ended; -EINVAL; or -EPERM. */
YIBU_API int yibu_subprocess_send_signal(yibu_subprocess *process, int signal);
YIBU_API int yibu_subprocess_terminate(yibu_subprocess *process);
YIBU_API int yibu_subprocess_kill(yibu_subprocess *process);

/* Sends a signal to the process group that it leads (new_group, new_session, or a terminal), its
 * children included, also after its own end.  Never suspends.
 * Returns 0; -ESRCH where nobody is left there; -EINVAL where it leads none; or -EPERM. */
YIBU_API int yibu_subprocess_send_signal_group(yibu_subprocess *process, int signal);

/* A word for a step, "exec".  Context: any thread. */
YIBU_API const char *yibu_subprocess_step_name(yibu_subprocess_step step);

YIBU_END_DECLS

#endif
