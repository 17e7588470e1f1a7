/* A stall is the same run at one look after another, for the limit.
 *
 * A look takes no lock of the loop's and makes it do nothing.  Between two looks lies a quarter of
 * the limit, a half where the loop has been idle for a while, and little where a stall that was
 * reported is about to end.  Time in which the process was stopped, or the machine gave a thread no
 * processor, is nobody's fault and does not count: see counted_ns. */
#include "loop/stall_look.h"

#include "platform/thread_state.h"

enum { QUIET_LOOKS = 8, LEAST_PAUSE_NS = 250000, END_PAUSE_NS = 1000000, BUSY_NS = 50000000 };

static int64_t cpu_time(const yb_stall_watch *watch)
{
    struct timespec used;
    if (clock_gettime(watch->cpu_clock, &used) < 0)
        return watch->cpu_ns;
    return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

static int64_t between(int64_t least, int64_t value, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

int64_t yb_stall_pause(const yb_stall_watch *watch)
{
    int64_t usual_ns = watch->limit_ns / (watch->quiet >= QUIET_LOOKS ? 2 : 4);
    if (watch->told)
        usual_ns = between(END_PAUSE_NS, watch->patient_ns / 64, usual_ns);
    return between(LEAST_PAUSE_NS, usual_ns, YB_STALL_PAUSE_NS);
}

/* Outside debug mode a run's beginning lies somewhere since the last look; a turn that began since
 * then mostly began with it. */
static int64_t estimate_start(const yb_stall_watch *watch, const yb_run_mark *mark, int64_t now_ns)
{
    bool fresh = mark->time_ns > watch->seen_ns && mark->time_ns <= now_ns;
    return mark->exact || fresh ? mark->time_ns : now_ns - (now_ns - watch->seen_ns) / 2;
}

static void begin_run(yb_stall_watch *watch, const yb_run_mark *mark, int64_t now_ns)
{
    watch->first_ns = now_ns;
    watch->since_ns = estimate_start(watch, mark, now_ns);
    watch->patient_ns = 0;
    watch->next_ns = watch->limit_ns;
    watch->cpu_since_ns = watch->cpu_ns = cpu_time(watch);
    watch->told = false;
    watch->subject = (yb_subject){.place = NULL};
}

/* Longer than any pause, and than a busy machine keeps a thread waiting: all were stopped. */
static bool was_away(const yb_stall_watch *watch, int64_t passed_ns)
{
    return passed_ns > watch->limit_ns / 2 && passed_ns > BUSY_NS;
}

/* How much of the time since the last look the run is to blame for: not for that in which its
 * thread was kept from going on, by a debugger or for want of a processor.  Where the watchdog was
 * away, for one pause. */
static int64_t counted_ns(const yb_stall_watch *watch, int64_t passed_ns, int64_t computed_ns)
{
    if (computed_ns >= passed_ns / 2)
        return passed_ns;
    if (yb_thread_look(watch->thread).doing != YB_THREAD_WAITS)
        return computed_ns;
    return was_away(watch, passed_ns) ? watch->limit_ns / 4 : passed_ns;
}

static void go_on(yb_stall_watch *watch, int64_t passed_ns)
{
    int64_t used_ns = cpu_time(watch);
    int64_t counted = counted_ns(watch, passed_ns, used_ns - watch->cpu_ns);
    if (was_away(watch, passed_ns))
        watch->since_ns += passed_ns - counted;
    watch->patient_ns += counted;
    watch->cpu_ns = used_ns;
}

yb_stall_news yb_stall_look(yb_stall_watch *watch, int64_t now_ns)
{
    yb_run_mark mark = yb_stall_mark(watch->loop);
    bool same = yb_run_same(&mark, &watch->mark);
    int64_t passed_ns = now_ns - watch->seen_ns;
    if (watch->told && (!same || watch->leaving)) {
        watch->told = false;
        return YB_STALL_ENDED; /* the new run is looked at next time */
    }
    if (same)
        go_on(watch, passed_ns);
    else if (mark.held)
        begin_run(watch, &mark, now_ns);
    watch->quiet = mark.held ? 0 : watch->quiet + (watch->quiet < QUIET_LOOKS);
    watch->mark = mark;
    watch->seen_ns = now_ns;
    return same && watch->patient_ns >= watch->next_ns ? YB_STALL_HELD : YB_STALL_NONE;
}
