/* A program of somebody else's: built against an installed Yibu, as C11 without extensions. */
#include <stdio.h>
#include <string.h>

#include <yibu.h>

static intptr_t shout(yibu_bytes input, yibu_buffer *output)
{
    const char *text = input.data;
    for (size_t i = 0; i < input.size; i++) {
        char upper = (char)(text[i] >= 'a' && text[i] <= 'z' ? text[i] - 'a' + 'A' : text[i]);
        int failure = yibu_buffer_append(output, &upper, 1);
        if (failure)
            return failure;
    }
    return 0;
}
YIBU_JOB(shout);

static YIBU_ASYNC(int, answer, int, number)
{
    *ret = number;
    return yibu_sleep(YIBU_MS(1));
}

static intptr_t twice(void *arg)
{
    return 2 * *(const int *)arg;
}

static intptr_t everywhere(void *arg)
{
    int number = -1;
    yibu_task *task = yibu_start(answer, *(const int *)arg);
    intptr_t sum = answer_await(task, &number) + yibu_to_thread(twice, arg);
    yibu_task_unref(task);
    sum += number;

    yibu_buffer loud = {0};
    intptr_t status = yibu_to_process(&shout_job, (yibu_bytes){"yibu", 4}, &loud, NULL);
    bool heard = status == 0 && loud.size == 4 && memcmp(loud.data, "YIBU", 4) == 0;
    yibu_buffer_free(&loud);
    return heard ? sum : -1;
}

int main(void)
{
    int number = 14;
    intptr_t result = yibu_run(everywhere, &number, NULL);
    printf("yibu %s: %ld\n", yibu_version(), (long)result);
    return result == 42 ? 0 : 1;
}
