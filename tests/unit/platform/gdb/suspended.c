/* A program for the debugger to stop in: a bare context and tasks, suspended in known functions.
 * With ABORT set it leaves a core file at the second stop. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <yibu.h>

#include "coroutine.h"

void stop_here(coroutine *suspended, yibu_task *sleeper);

/* Calls that the compiler neither inlines nor turns into jumps. */
#define FRAME __attribute__((noinline))
#define KEEP_FRAME() __asm__ volatile("")

FRAME static void inner_most(int depth)
{
    coroutine_yield();
    printf("went on at depth %d\n", depth);
}

FRAME static void in_the_middle(int depth)
{
    inner_most(depth + 1);
    KEEP_FRAME();
}

static void context_function(void *arg)
{
    in_the_middle(*(int *)arg);
    KEEP_FRAME();
}

FRAME static int sleep_deeply(int64_t delay_ns)
{
    int r = yibu_sleep(delay_ns);
    KEEP_FRAME();
    return r;
}

static intptr_t sleeping_task(void *arg)
{
    (void)arg;
    int r = sleep_deeply(YIBU_SECONDS(1000));
    KEEP_FRAME();
    return r;
}

__attribute__((noinline)) void stop_here(coroutine *suspended, yibu_task *sleeper)
{
    __asm__ volatile("" : : "r"(suspended), "r"(sleeper) : "memory");
    if (sleeper && getenv("ABORT")) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
        abort();
    }
}

/* Where gdb stops in what is inlined: then it shows two frames for one. */
__attribute__((always_inline)) static inline void inlined(void)
{
    __asm__ volatile("nop");
}

static intptr_t run(void *arg)
{
    yibu_task_options options = {.size = sizeof options, .name = "the sleeper"};
    yibu_task *sleeper = yibu_create_task(sleeping_task, NULL, &options);
    yibu_spawn(sleeping_task, NULL);
    yibu_sleep(0);
    stop_here(arg, sleeper);
    inlined();
    yibu_task_cancel(sleeper);
    yibu_await(sleeper);
    yibu_task_unref(sleeper);
    return 0;
}

int main(void)
{
    int depth = 40;
    coroutine *suspended = coroutine_new(context_function, &depth, "bare");
    coroutine_resume(suspended);
    stop_here(suspended, NULL);
    coroutine_resume(suspended);
    coroutine_free(suspended);
    coroutine_thread_end();
    return yibu_run(run, NULL, NULL) == 0 ? 0 : 1;
}
