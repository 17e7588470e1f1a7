/* C without a runtime: a thread a CPU, a queue under a mutex with a condition each way. */
#include "bench.h"
#include "trips.h"

#include <pthread.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t submitted = PTHREAD_COND_INITIALIZER;
static pthread_cond_t finished = PTHREAD_COND_INITIALIZER;

struct job {
    struct job *next;
    intptr_t (*function)(void *);
    intptr_t result;
};

struct queue {
    struct job *first, **last;
};

static struct queue waiting = {NULL, &waiting.first};
static struct queue done = {NULL, &done.first};

static intptr_t nothing(void *arg)
{
    (void)arg;
    return 7;
}

static void push(struct queue *queue, struct job *job)
{
    job->next = NULL;
    *queue->last = job;
    queue->last = &job->next;
}

static struct job *pop(struct queue *queue)
{
    struct job *job = queue->first;

    queue->first = job->next;
    if (!queue->first)
        queue->last = &queue->first;
    return job;
}

static void *worker(void *arg)
{
    pthread_mutex_lock(&mutex);
    for (;;) {
        struct job *job;

        while (!waiting.first)
            pthread_cond_wait(&submitted, &mutex);
        job = pop(&waiting);
        pthread_mutex_unlock(&mutex);
        job->result = job->function(NULL);
        pthread_mutex_lock(&mutex);
        push(&done, job);
        pthread_cond_signal(&finished);
    }
    return arg;
}

static void submit(struct job *job)
{
    job->function = nothing;
    pthread_mutex_lock(&mutex);
    push(&waiting, job);
    pthread_cond_signal(&submitted);
    pthread_mutex_unlock(&mutex);
}

static struct job *collect(void)
{
    struct job *job;

    pthread_mutex_lock(&mutex);
    while (!done.first)
        pthread_cond_wait(&finished, &mutex);
    job = pop(&done);
    pthread_mutex_unlock(&mutex);
    return job;
}

static void run(struct job *jobs, long in_flight, long n)
{
    for (long i = 0; i < in_flight; i++)
        submit(&jobs[i]);
    for (long i = in_flight; i < n; i++)
        submit(collect());
    for (long i = 0; i < in_flight; i++)
        collect();
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    long in_flight = bench_argument(&bench, 0, 1);
    struct job *jobs = calloc((size_t)in_flight, sizeof(*jobs));
    int64_t start;

    for (long i = sysconf(_SC_NPROCESSORS_ONLN); i > 0; i--) {
        pthread_t thread;

        pthread_create(&thread, NULL, worker, NULL);
    }
    run(jobs, in_flight, in_flight * 10);
    start = bench_now_ns();
    run(jobs, in_flight, bench.n);
    bench_report_trips(&bench, in_flight, bench_now_ns() - start, bench.n, "pthread");
    return 0;
}
