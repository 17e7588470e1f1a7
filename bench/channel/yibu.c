/* A task on the loop of one thread sends, a task on the loop of another receives. */
#include "bench.h"

#include <pthread.h>
#include <yibu.h>

struct shape {
    struct bench *bench;
    yibu_channel *channel;
};

static intptr_t send_all(void *arg)
{
    struct shape *shape = arg;

    for (intptr_t i = 0; i < shape->bench->n; i++) {
        int result = yibu_channel_send(shape->channel, (void *)i);
        if (result != 0)
            return result;
    }
    return 0;
}

static void *sender(void *arg)
{
    return (void *)yibu_run(send_all, arg, NULL);
}

static int receive_all(struct shape *shape)
{
    for (intptr_t i = 0; i < shape->bench->n; i++) {
        void *item;
        int result = yibu_channel_receive(shape->channel, &item);
        if (result != 0)
            return result;
        if (item != (void *)i)
            return -EBADMSG;
    }
    return 0;
}

static intptr_t run(void *arg)
{
    struct shape *shape = arg;
    struct bench *bench = shape->bench;
    pthread_t thread;
    void *failed = NULL;
    int64_t start = bench_now_ns(), end;
    int result = -pthread_create(&thread, NULL, sender, shape);

    if (result == 0)
        result = receive_all(shape);
    end = bench_now_ns();
    if (result == 0 && pthread_join(thread, &failed) == 0)
        result = (int)(intptr_t)failed;
    bench_report(bench->name, (double)(end - start) / (double)bench->n, "ns", bench->n,
                 yibu_loop_backend(yibu_get_running_loop()));
    return result;
}

int main(int argc, char **argv)
{
    struct bench bench = bench_start(argc, argv);
    struct shape shape = {&bench, NULL};
    int error = yibu_channel_new((size_t)bench_argument(&bench, 0, 256), &shape.channel);
    intptr_t result = error ? error : yibu_run(run, &shape, NULL);

    if (yibu_failed(result))
        bench_fail("yibu_run", (int)result);
    yibu_channel_unref(shape.channel);
    return 0;
}
