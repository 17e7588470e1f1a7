/* The zygote: a second run of the program that stays before main and forks the workers.
 *
 * One thread, one socket to its parent.  It starts and kills workers as it is told, reaps them and
 * says how they ended; it ends with its parent, and its workers with it. */
#ifndef YB_PROC_ZYGOTE_H
#define YB_PROC_ZYGOTE_H

#include <stdbool.h>
#include <stdint.h>

/* "<descriptor>:<parent's process id>": the socket, in the environment of a zygote alone. */
#define YB_ZYGOTE_VARIABLE "YIBU_ZYGOTE"

enum { YB_ZYGOTE_SOCKET = 3 };

enum { YB_ZYGOTE_TEXT_MAX = 255 };

typedef enum yb_zygote_order_kind {
    /* With the descriptors of a worker (runner.h) and the process's name; answered STARTED or
     * REFUSED. */
    YB_ZYGOTE_START,
    YB_ZYGOTE_KILL,
    YB_ZYGOTE_TERMINATE, /* SIGTERM to the worker and what it has started; KILL may follow */
    /* Runs the job of that name in the zygote, so that workers have what it has set up; comes
     * before the first START; answered PRELOADED. */
    YB_ZYGOTE_PRELOAD,
    YB_ZYGOTE_END /* the workers are ending by themselves: wait for them a little, then end */
} yb_zygote_order_kind;

/* START: the worker is a run of the program of its own, instead of a copy of the zygote. */
enum { YB_ZYGOTE_SPAWN = 1 };

/* Followed by text_size bytes of text: the name of START (empty: "yibu-worker") or PRELOAD. */
typedef struct yb_zygote_order {
    uint32_t kind;
    int32_t nice;
    uint64_t worker; /* a number the parent never gives twice */
    uint32_t flags;
    uint32_t text_size; /* at most YB_ZYGOTE_TEXT_MAX */
} yb_zygote_order;

typedef enum yb_zygote_news_kind {
    YB_ZYGOTE_STARTED,
    YB_ZYGOTE_REFUSED,
    YB_ZYGOTE_PRELOADED,
    YB_ZYGOTE_EXITED
} yb_zygote_news_kind;

typedef struct yb_zygote_news {
    uint32_t kind;
    /* STARTED: process id; REFUSED: a negative errno; PRELOADED: a failure or 0; EXITED: as from
     * wait(2). */
    int32_t value;
    uint64_t worker;
    uint64_t peak_memory_bytes; /* EXITED, as is the rest */
    int64_t user_ns, system_ns;
    uint32_t out_of_memory; /* the kernel killed it for that */
} yb_zygote_news;

/* Whether this run of the program is a zygote, or a worker that was started by one; asked before
 * main. */
bool yb_zygote_called(void);

/* What runs in main's place; it does not return. */
int yb_zygote_main(int argc, char **argv, char **environment);

/* Whether a second run of this program would stay before main (start.c). */
bool yb_zygote_possible(void);

#endif
