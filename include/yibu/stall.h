/* Tells, while it lasts, that one task or callback holds a loop for too long: who, where, how long.
 *
 * A thread of its own looks at the loops that want it, without their help, so it reports also from
 * within a call that never returns.  On in debug mode, otherwise where a limit is set. */
#ifndef YIBU_STALL_H
#define YIBU_STALL_H

#include <yibu/base.h>

typedef struct yibu_loop yibu_loop;

/* A place on the stack of the loop's thread.  The function is where the symbol tables of program
 * and libraries know it; module and module_offset are what addr2line -e asks for. */
typedef struct yibu_stall_frame {
    const void *address;
    const char *function;   /* NULL: not known */
    size_t function_offset; /* of the address in it */
    const char *module;     /* path of the program or library; NULL: not known */
    size_t module_offset;
} yibu_stall_frame;

/* A stall as it is, or was.  Everything it points to lasts until the handler returns. */
typedef struct yibu_stall {
    size_t size;            /* sizeof(yibu_stall) of the library */
    yibu_loop *loop;        /* to tell loops apart; not to be used on this thread */
    const char *loop_place; /* where it was made */
    const char *task_name;  /* NULL: no task holds it, or it could not be asked */
    const char *task_place; /* where the task was created */
    const char *callback;   /* the user's callback that runs, as a frame says it; NULL: none */
    int64_t held_ns;        /* how long it lasts, or lasted */
    int64_t cpu_ns;         /* how much of that the thread computed; the rest it waited */
    bool ended;             /* it is over: no frames */
    bool told;              /* ended, and debug mode tells the exception handler how long it took */
    size_t frame_count;
    const yibu_stall_frame *frames; /* innermost first */
    const char *text;               /* all of it in lines, the last without its end */
} yibu_stall;

/* Called on the watchdog's thread, one call at a time: once the limit is reached, again each time
 * the stall has doubled, and at its end.  Meanwhile nothing else is watched, and the loop cannot be
 * freed, so it must not wait for that loop, nor make or free others. */
typedef void yibu_stall_handler(const yibu_stall *stall, void *arg);

YIBU_BEGIN_DECLS

/* How long a task or a callback may hold the loop without a break before that is reported.  0: 100
 * ms or the slow callback duration, whichever is longer, in debug mode, and no watch elsewhere;
 * YIBU_FOREVER: no watch.  At least 1 ms.  A simulated loop is never watched.
 * Context: the loop's thread.
 * Returns 0, -EINVAL, -EAGAIN (no thread), -ENOMEM or YIBU_EFORKED. */
YIBU_API int yibu_loop_set_stall_limit(yibu_loop *loop, int64_t limit_ns);

/* The limit in force; YIBU_FOREVER where the loop is not watched. */
YIBU_API int64_t yibu_loop_get_stall_limit(const yibu_loop *loop);

/* Who is told from now on; NULL is the default, which prints the text to standard error.
 * Context: the loop's thread.  Returns 0, -EINVAL or YIBU_EFORKED. */
YIBU_API int yibu_loop_set_stall_handler(yibu_loop *loop, yibu_stall_handler *handler, void *arg);

/* What the default handler does: one line and more for each, at most 20 at once and one a second
 * after that.  Any thread. */
YIBU_API void yibu_loop_default_stall_handler(const yibu_stall *stall, void *arg);

YIBU_END_DECLS

#endif
