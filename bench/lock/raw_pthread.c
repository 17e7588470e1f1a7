/* The mutex and the semaphore of libc, in a process with a second thread, as they are used. */
#include "bench.h"

#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

static void *wait_for_ever(void *arg)
{
    for (;;)
        pause();
    return arg;
}

static void take_lock(long n)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

    while (n-- > 0) {
        pthread_mutex_lock(&lock);
        pthread_mutex_unlock(&lock);
    }
}

static void take_semaphore(long n)
{
    static sem_t semaphore;

    sem_init(&semaphore, 0, 1);
    while (n-- > 0) {
        sem_wait(&semaphore);
        sem_post(&semaphore);
    }
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    int is_lock = bench.argc > 0 && strcmp(bench.argv[0], "lock") == 0;
    pthread_t other;
    int64_t start;
    int error = pthread_create(&other, NULL, wait_for_ever, NULL);

    if (error)
        bench_fail("pthread_create", error);
    start = bench_now_ns();
    if (is_lock)
        take_lock(bench.n);
    else
        take_semaphore(bench.n);
    bench_report(bench.name, (double)(bench_now_ns() - start) / (double)bench.n, "ns", bench.n,
                 "pthread");
    return 0;
}
