/* The parent's end of a zygote. */
#ifndef YB_PROC_SPAWNER_H
#define YB_PROC_SPAWNER_H

#include <sys/types.h>

#include <limits.h>

#include "proc/runner.h"
#include "proc/zygote.h"

typedef struct yb_spawner {
    int socket; /* -1: there is no zygote */
    pid_t pid;
} yb_spawner;

#define YB_SPAWNER_INIT \
    {                   \
        .socket = -1    \
    }

/* Starts the zygote; it may still fail on its way, which yb_spawner_hear then tells.
 * Returns 0, -ENOSYS where this program cannot run a second time, -EPERM where it runs with more
 * rights than its user, or another negative errno. */
int yb_spawner_start(yb_spawner *spawner);

/* The path by which this program can be run once more; path may hold it. */
const char *yb_spawner_program(char path[PATH_MAX]);

/* What a worker is to be. */
typedef struct yb_spawner_wish {
    uint64_t worker;
    int fds[YB_RUNNER_FDS];
    int nice;
    uint32_t flags;   /* of yb_zygote_order */
    const char *name; /* of the process; NULL: as usual */
} yb_spawner_wish;

/* Asks for a worker.  Returns 0, YIBU_EWORKER: the zygote has gone, or a negative errno. */
int yb_spawner_order(yb_spawner *spawner, const yb_spawner_wish *wish);

/* Asks for a worker's death; gently: by SIGTERM. */
int yb_spawner_kill(yb_spawner *spawner, uint64_t worker, bool gently);

/* Asks the zygote to run a job itself.  Returns as above. */
int yb_spawner_preload(yb_spawner *spawner, const char *job_name);

/* Asks the zygote to end once its workers have. */
void yb_spawner_end(yb_spawner *spawner);

/* Takes one piece of news: 1, 0 where there is none, -ECONNRESET: the zygote has gone. */
int yb_spawner_hear(yb_spawner *spawner, yb_zygote_news *ret_news);

/* Ends the zygote and waits for it.  gently: its workers may end by themselves.
 * Returns the status of wait(2), 0 where somebody else has taken it. */
int yb_spawner_stop(yb_spawner *spawner, bool gently);

#endif
