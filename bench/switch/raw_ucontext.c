/* C without a runtime: glibc's swapcontext, which saves the signal mask with a system call, in a
 * ring of N contexts that switch to each other directly. */
#include "bench.h"

#include <ucontext.h>

#define STACK_BYTES (64 * 1024)

static ucontext_t home;
static ucontext_t *contexts;
static long tasks, left;

static void yielder(int self)
{
    int next = (self + 1) % (int)tasks;

    while (left-- > 0)
        swapcontext(&contexts[self], &contexts[next]);
    setcontext(&home);
}

static void make(int i)
{
    getcontext(&contexts[i]);
    contexts[i].uc_stack.ss_sp = malloc(STACK_BYTES);
    contexts[i].uc_stack.ss_size = STACK_BYTES;
    contexts[i].uc_link = &home;
    makecontext(&contexts[i], (void (*)(void))yielder, 1, i);
}

static void run(long turns)
{
    for (int i = 0; i < tasks; i++)
        make(i);
    left = turns;
    swapcontext(&home, &contexts[0]);
    for (int i = 0; i < tasks; i++)
        free(contexts[i].uc_stack.ss_sp);
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    int64_t start, end;

    tasks = bench_argument(&bench, 0, 2);
    contexts = calloc((size_t)tasks, sizeof(*contexts));
    run(tasks * 2);
    start = bench_now_ns();
    run(bench.n);
    end = bench_now_ns();
    free(contexts);
    bench_report(bench.name, (double)(end - start) / (double)bench.n, "ns", bench.n, "ucontext");
    return 0;
}
