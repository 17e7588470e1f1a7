/* What a child is to become, copied from the caller: its thread may be at it still when the caller
 * has gone. */
#ifndef YB_PROC_SUBPROCESS_PLAN_H
#define YB_PROC_SUBPROCESS_PLAN_H

#include <signal.h>
#include <stdbool.h>
#include <yibu/subprocess.h>

typedef struct yb_kept yb_kept; /* a piece of the plan's memory */

/* A descriptor of this process, and its number in the child. */
typedef struct yb_plan_fd {
    int from, to;
    int lifted; /* the child's: a duplicate of `from` that is in nobody's way */
} yb_plan_fd;

typedef struct yb_plan {
    yb_kept *kept;
    const char **paths; /* of the program, in the order in which they are tried; NULL at the end */
    const char **argv, **env;
    const char *cwd; /* NULL: ours */
    yb_plan_fd *fds; /* the plan's own descriptors */
    size_t fd_count, fd_room;
    int terminal; /* the child's descriptor that becomes its controlling terminal; -1: none */
    size_t terminal_place; /* its place in fds */
    bool inherit_fds, new_session, new_group, set_umask;
    pid_t group;
    mode_t umask;
    yibu_subprocess_signals signals;
    sigset_t blocked;
    const yibu_subprocess_user *user;
    const yibu_subprocess_limit *limits;
    size_t limit_count;
} yb_plan;

/* Copies all but the descriptors.  Returns 0, -EINVAL or -ENOMEM; the plan is to be destroyed in
 * either case.  It begins zeroed. */
int yb_plan_make(yb_plan *plan, const char *const *argv, const yibu_subprocess_options *options);

/* Gives the child a descriptor: `from` becomes the plan's.  Returns 0; -EINVAL where the child has
 * that number already; or -ENOMEM.  After a failure `from` is closed. */
int yb_plan_add_fd(yb_plan *plan, int from, int to);

/* The same with a duplicate, also -EBADF or -EMFILE. */
int yb_plan_lend_fd(yb_plan *plan, int fd, int to);

void yb_plan_destroy(yb_plan *plan);

/* What came of a plan. */
typedef struct yb_spawned {
    yibu_subprocess_step step; /* where it failed */
    pid_t pid;
    int pidfd; /* -1: there is no child */
} yb_spawned;

/* Makes the child, and waits until it has become its program or has failed: then nothing is left of
 * it.  Context: any thread but one that may not block.  Returns 0 or a negative errno. */
int yb_plan_spawn(yb_plan *plan, yb_spawned *ret_spawned);

/* Kills a child and reaps it; closes pidfd. */
void yb_spawned_kill(yb_spawned *spawned);

/* What a child says about its failure. */
typedef struct yb_child_report {
    int step, error;
} yb_child_report;

typedef struct yb_child {
    yb_plan *plan;
    int report_fd; /* close-on-exec: its end says that the program runs */
} yb_child;

/* The child's life from its first breath (clone(2)) to its program; arg is its yb_child. */
int yb_child_main(void *arg);

#endif
