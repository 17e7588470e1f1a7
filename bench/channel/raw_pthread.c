/* A ring with a mutex and two conditions between two threads: what one writes by hand. */
#include "bench.h"

#include <pthread.h>

struct ring {
    pthread_mutex_t lock;
    pthread_cond_t has_items, has_room;
    long capacity, first, count;
    long *items;
};

static void send_item(struct ring *ring, long item)
{
    pthread_mutex_lock(&ring->lock);
    while (ring->count == ring->capacity)
        pthread_cond_wait(&ring->has_room, &ring->lock);
    ring->items[(ring->first + ring->count) % ring->capacity] = item;
    if (ring->count++ == 0)
        pthread_cond_signal(&ring->has_items);
    pthread_mutex_unlock(&ring->lock);
}

static long receive_item(struct ring *ring)
{
    long item;

    pthread_mutex_lock(&ring->lock);
    while (ring->count == 0)
        pthread_cond_wait(&ring->has_items, &ring->lock);
    item = ring->items[ring->first];
    ring->first = (ring->first + 1) % ring->capacity;
    if (ring->count-- == ring->capacity)
        pthread_cond_signal(&ring->has_room);
    pthread_mutex_unlock(&ring->lock);
    return item;
}

struct shape {
    struct ring ring;
    long n;
};

static void *sender(void *arg)
{
    struct shape *shape = arg;

    for (long i = 0; i < shape->n; i++)
        send_item(&shape->ring, i);
    return NULL;
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    struct shape shape = {{PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER,
                           PTHREAD_COND_INITIALIZER, bench_argument(&bench, 0, 256), 0, 0, NULL},
                          bench.n};
    pthread_t thread;
    int64_t start;
    int error;

    shape.ring.items = calloc((size_t)shape.ring.capacity, sizeof(*shape.ring.items));
    start = bench_now_ns();
    error = pthread_create(&thread, NULL, sender, &shape);
    if (error)
        bench_fail("pthread_create", error);
    for (long i = 0; i < bench.n; i++)
        if (receive_item(&shape.ring) != i)
            bench_fail("receive_item", EBADMSG);
    bench_report(bench.name, (double)(bench_now_ns() - start) / (double)bench.n, "ns", bench.n,
                 "pthread");
    pthread_join(thread, NULL);
    return 0;
}
