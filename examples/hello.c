/* Two tasks on one thread: while one sleeps, the other goes on. */
#include <stdio.h>
#include <yibu.h>

static intptr_t count(void *arg)
{
    for (int i = 1; i <= 3; i++) {
        int r = yibu_sleep(YIBU_MS(100)); /* suspends this task, not the thread */
        if (r < 0)
            return r;
        printf("%s %d\n", (const char *)arg, i);
    }
    return 3;
}

static intptr_t start(void *arg)
{
    (void)arg;
    yibu_task *left = yibu_create_task(count, "left", NULL);
    yibu_task *right = yibu_create_task(count, "right", NULL);
    intptr_t lines = yibu_await(left) + yibu_await(right);
    printf("%d lines\n", (int)lines);
    yibu_task_unref(left);
    yibu_task_unref(right);
    return 0;
}

int main(void)
{
    return yibu_failed(yibu_run(start, NULL, NULL));
}
