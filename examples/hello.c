/* Two tasks on one thread: while one sleeps, the other goes on. */
#include <stdio.h>
#include <yibu.h>

static YIBU_ASYNC(int, count, const char *, name, int, to) /* async def count(name, to) */
{
    for (int i = 1; i <= to; i++) {
        int r = yibu_sleep(YIBU_MS(100)); /* suspends this task, not the thread */
        if (r < 0)
            return r;
        printf("%s %d\n", name, i);
    }
    *ret = to;
    return 0;
}

static YIBU_ASYNC(void, start)
{
    int here, beside;
    yibu_task *task = yibu_start(count, "beside", 3); /* create_task(count("beside", 3)) */
    int r = count("here", 2, &here);                  /* await count("here", 2) */
    if (r == 0)
        r = count_await(task, &beside); /* await task */
    if (r == 0)
        printf("%d lines\n", here + beside);
    yibu_task_unref(task);
    return r;
}

int main(void)
{
    return start_run(NULL) < 0;
}
