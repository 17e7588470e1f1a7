/* A program linked in one of the ways that programs are: jobs of its own, in C and C++, and of a
 * library.  The argument says what to expect of the pool: "works" or "refuses". */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <yibu.h>

#include "linked_library.h"

static int constructed, mained;

__attribute__((constructor)) static void construct(void)
{
    constructed++;
}

static intptr_t tell_start(yibu_bytes input, yibu_buffer *output)
{
    (void)input, (void)output;
    return 10 * constructed + mained;
}
YIBU_JOB(tell_start);

YIBU_DECLARE_JOB(job_in_c);
YIBU_DECLARE_JOB(job_in_cpp);
YIBU_DECLARE_JOB(greet);

static int expect(const char *what, intptr_t result, intptr_t expected)
{
    if (result == expected)
        return 0;
    fprintf(stderr, "%s: %s (%ld), not %ld\n", what,
            yibu_failed(result) ? yibu_error_name(result) : "", (long)result, (long)expected);
    return 1;
}

static intptr_t call(const yibu_job *job)
{
    return yibu_to_process(job, (yibu_bytes){NULL, 0}, NULL, NULL);
}

static int expect_greeting(void)
{
    yibu_buffer output = {0};
    intptr_t r = yibu_to_process(&greet_job, (yibu_bytes){"you", 3}, &output, NULL);
    bool right = r == 0 && output.size == 9 && memcmp(output.data, "hello you", 9) == 0;
    yibu_buffer_free(&output);
    return expect("greeting", right, true);
}

static intptr_t expect_work(void *arg)
{
    (void)arg;
    int wrong = expect("start", call(&tell_start_job), 10);
    wrong += expect("library's constructor", call(&job_in_library_job), 1);
    wrong += expect("library's second job", call(&another_job_in_library_job), 2);
    wrong += expect("job in another file", call(&job_in_c_job), 1);
    wrong += expect("job in C++", call(&job_in_cpp_job), 3);
    return wrong + expect_greeting();
}

static intptr_t expect_refusal(void *arg)
{
    (void)arg;
    return expect("pool", call(&tell_start_job), -ENOSYS) +
           expect("pool, again", call(&tell_start_job), -ENOSYS);
}

int main(int argc, char **argv)
{
    mained = 1;
    if (argc != 2)
        return 2;
    intptr_t wrong =
        yibu_run(strcmp(argv[1], "works") == 0 ? expect_work : expect_refusal, NULL, NULL);
    return wrong == 0 ? 0 : 1;
}
