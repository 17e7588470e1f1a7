/* What another thread of this process is doing, or another process, as the kernel tells. */
#ifndef YB_PLATFORM_THREAD_STATE_H
#define YB_PLATFORM_THREAD_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef enum yb_thread_doing {
    YB_THREAD_WAITS,   /* in the kernel; also where it is not known */
    YB_THREAD_RUNS,    /* or would if there were a processor for it */
    YB_THREAD_STOPPED, /* by a signal */
    YB_THREAD_TRACED,  /* stopped by a debugger */
} yb_thread_doing;

typedef struct yb_thread_state {
    yb_thread_doing doing;
    uint64_t blocked; /* signals: bit 0 is that of signal 1 */
} yb_thread_state;

/* All 0 where the kernel does not tell.  Takes no lock and no memory. */
yb_thread_state yb_thread_look(pid_t thread);
/* The same of the first thread of a process. */
yb_thread_state yb_process_look(pid_t process);

static inline bool yb_thread_blocks(const yb_thread_state *state, int signal_number)
{
    return state->blocked >> (signal_number - 1) & 1;
}

#endif
