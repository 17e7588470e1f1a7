/* Subprocesses with pipes and with a terminal, executors of processes, and loops on threads of
 * their own. */
#ifndef EVERYTHING_PROCESSES_H
#define EVERYTHING_PROCESSES_H

#include <errno.h>

#include "everything_protocols.h"
#include "everything_streams.h"
#include "hush.h"
#include "result.h"

static intptr_t everything_communicate(int in, int out, const char *text)
{
    static const char *const command[] = {"cat", NULL};
    const yibu_subprocess_options options = {.size = sizeof(options), .in = in, .out = out};
    yibu_subprocess *process;
    yibu_buffer output = {0};
    int r = yibu_create_subprocess_exec(command, &options, &process);
    if (r < 0)
        return r;
    r = yibu_subprocess_communicate(process, text, strlen(text), &output, NULL, 1000);
    yibu_buffer_free(&output);
    yibu_subprocess_free(process);
    return r;
}

static intptr_t everything_kill(void)
{
    yibu_subprocess *process;
    int r = yibu_create_subprocess_shell("exec sleep 100", NULL, &process);
    if (r < 0)
        return r;
    r = yibu_subprocess_kill(process);
    if (r == 0)
        r = yibu_subprocess_wait(process);
    yibu_subprocess_free(process);
    return r == 128 + 9 ? 0 : r;
}

static intptr_t everything_subprocess(void)
{
    intptr_t r = everything_communicate(YIBU_SUBPROCESS_PIPE, YIBU_SUBPROCESS_PIPE, "text");
    return r < 0 ? r : everything_kill();
}

static intptr_t everything_terminal(void)
{
    return everything_communicate(YIBU_SUBPROCESS_PTY, YIBU_SUBPROCESS_PTY, "\x04");
}

static intptr_t everything_answer(yibu_bytes input, yibu_buffer *output)
{
    return yibu_buffer_append(output, input.data, input.size);
}
YIBU_JOB(everything_answer);

static intptr_t everything_employ(yibu_executor *executor)
{
    const yibu_job_options options = {.size = sizeof(options), .max_attempts = 2};
    yibu_concurrent_future *future;
    int r = yibu_executor_submit_job(executor, &everything_answer_job, (yibu_bytes){"why", 3},
                                     &options, &future);
    return r < 0 ? r : result_of(future);
}

static intptr_t everything_employ_twice(bool own_thread)
{
    yibu_process_pool_options options = {.size = sizeof(options),
                                         .max_workers = 1,
                                         .initializer = &everything_answer_job,
                                         .initializer_input = {"how", 3},
                                         .own_thread = own_thread};
    yibu_executor *executor;
    int r = yibu_process_pool_executor_new(&options, &executor);
    if (r < 0)
        return r;
    intptr_t result = everything_employ(executor);
    if (result == 0)
        result = everything_employ(executor);
    yibu_executor_free(executor);
    return result;
}

static intptr_t everything_executor(void)
{
    return everything_employ_twice(false);
}

static intptr_t everything_executor_apart(void)
{
    return everything_employ_twice(true);
}

/* The other loop goes on with the connection, as soon as there is a descriptor for it. */
static intptr_t everything_pass_on(yibu_stream *stream, void *arg)
{
    yibu_cores *cores = yibu_core_cores(yibu_current_core());
    yibu_core *other = yibu_cores_core(cores, 1 - yibu_core_index(yibu_current_core()));
    int r;
    while ((r = yibu_core_hand_over(other, stream, everything_echo_lines, arg)) == -EMFILE)
        if (yibu_sleep(YIBU_MS(1)) < 0)
            break;
    return r;
}

/* Two loops that serve one connection. */
static intptr_t everything_on_cores(yibu_connection_handler *handler,
                                    yibu_protocol_factory *factory)
{
    const yibu_loop_options loop = {.size = sizeof(loop), .exception_handler = test_hush};
    const yibu_cores_options options = {
        .size = sizeof(options), .loops = 2, .loop = &loop, .factory = factory};
    yibu_cores *cores;
    yibu_stream *stream;
    int r = yibu_start_cores(handler, NULL, "127.0.0.1", 0, &options, &cores);
    if (r < 0)
        return r;
    r = yibu_open_connection("127.0.0.1", yibu_cores_port(cores), NULL, &stream);
    intptr_t result = r < 0 ? r : everything_talk(stream);
    yibu_cores_abort(cores);
    r = yibu_cores_wait(cores);
    yibu_cores_free(cores);
    return result < 0 ? result : r;
}

static intptr_t everything_cores(void)
{
    return everything_on_cores(everything_echo_lines, NULL);
}

static intptr_t everything_cores_of_protocols(void)
{
    return everything_on_cores(NULL, everything_make_echo);
}

static intptr_t everything_hand_over(void)
{
    return everything_on_cores(everything_pass_on, NULL);
}

#endif
