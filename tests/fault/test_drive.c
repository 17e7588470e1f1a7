/* Each part of the library is cancelled wherever it waits, timed out there, and goes without memory
 * and descriptors, and leaves nothing behind. */
#include "drive.h"
#include "everything.h"
#include "everything_operations.h"
#include "everything_paths.h"
#include "everything_processes.h"
#include "everything_reading.h"
#include "everything_sockets.h"

enum { WITHOUT_DESCRIPTORS = true };

static int enter_folder(void **state)
{
    (void)state;
    static char folder[] = "yibu-drive.XXXXXX";
    *state = folder;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    return chdir("..") == 0 && rmdir(*state) == 0 ? 0 : -1;
}

/* A program whose other tasks tell what a cancel of the first one did to them. */
static intptr_t consequence(intptr_t r, intptr_t code)
{
    return r == code && yibu_check_cancelled() < 0 ? -ECANCELED : r;
}

static intptr_t echo_tasks(void)
{
    return consequence(echo_program(NULL), -ECONNRESET);
}

static intptr_t channel_tasks(void)
{
    return consequence(everything_channel(), YIBU_ESHUTDOWN);
}

DRIVE(sockets_and_threads, echo_tasks, WITHOUT_DESCRIPTORS)
DRIVE(callbacks, everything_calls, false)
DRIVE(watches, everything_watch, false)
DRIVE(tasks, everything_tasks, false)
DRIVE(futures, everything_futures, false)
DRIVE(groups, everything_group, false)
DRIVE(generators, everything_generate, false)
DRIVE(locals, everything_locals, false)
DRIVE(typed_coroutines, everything_typed, false)
DRIVE(submitted_coroutines, everything_submit, false)
DRIVE(queues, everything_queues, false)
DRIVE(channels, channel_tasks, false)
DRIVE(limiters, everything_limiter, false)
DRIVE(names, everything_resolve, false)
DRIVE(operations, everything_ops, WITHOUT_DESCRIPTORS)
DRIVE(streams, everything_streams, WITHOUT_DESCRIPTORS)
DRIVE(datagrams, everything_datagrams, WITHOUT_DESCRIPTORS)
DRIVE(files, everything_files, WITHOUT_DESCRIPTORS)
DRIVE(protocols, everything_protocols, WITHOUT_DESCRIPTORS)
DRIVE(signals, everything_signals, false)
DRIVE(pipes, everything_pipes, WITHOUT_DESCRIPTORS)
DRIVE(unix_servers, everything_unix, WITHOUT_DESCRIPTORS)
DRIVE(files_through_streams, everything_stream_sendfile, WITHOUT_DESCRIPTORS)
DRIVE(subprocesses, everything_subprocess, WITHOUT_DESCRIPTORS)
DRIVE(terminals_of_subprocesses, everything_terminal, WITHOUT_DESCRIPTORS)
DRIVE(executors_of_processes, everything_executor, WITHOUT_DESCRIPTORS)
DRIVE(executors_of_processes_on_a_thread, everything_executor_apart, WITHOUT_DESCRIPTORS)
DRIVE(servers_on_cores, everything_cores, WITHOUT_DESCRIPTORS)
DRIVE(operations_called_back, everything_called_back, WITHOUT_DESCRIPTORS)
DRIVE(connections_called_back, everything_connections, WITHOUT_DESCRIPTORS)
DRIVE(plain_sockets, everything_sockets, WITHOUT_DESCRIPTORS)
DRIVE(paths, everything_paths, WITHOUT_DESCRIPTORS)
DRIVE(reading_and_writing, everything_reading, WITHOUT_DESCRIPTORS)
DRIVE(pipes_of_the_caller, everything_own_pipe, WITHOUT_DESCRIPTORS)
DRIVE(standard_input_and_output, everything_standard, WITHOUT_DESCRIPTORS)
DRIVE(servers_that_are_served, everything_served, WITHOUT_DESCRIPTORS)
DRIVE(protocols_on_cores, everything_cores_of_protocols, WITHOUT_DESCRIPTORS)
DRIVE(connections_handed_over, everything_hand_over, WITHOUT_DESCRIPTORS)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_and_threads),
        cmocka_unit_test(callbacks),
        cmocka_unit_test(watches),
        cmocka_unit_test(tasks),
        cmocka_unit_test(futures),
        cmocka_unit_test(groups),
        cmocka_unit_test(generators),
        cmocka_unit_test(locals),
        cmocka_unit_test(typed_coroutines),
        cmocka_unit_test(submitted_coroutines),
        cmocka_unit_test(queues),
        cmocka_unit_test(channels),
        cmocka_unit_test(limiters),
        cmocka_unit_test(names),
        cmocka_unit_test(operations),
        cmocka_unit_test(streams),
        cmocka_unit_test(datagrams),
        cmocka_unit_test(files),
        cmocka_unit_test(protocols),
        cmocka_unit_test(signals),
        cmocka_unit_test(pipes),
        cmocka_unit_test(unix_servers),
        cmocka_unit_test(files_through_streams),
        cmocka_unit_test(subprocesses),
        cmocka_unit_test(terminals_of_subprocesses),
        cmocka_unit_test(executors_of_processes),
        cmocka_unit_test(executors_of_processes_on_a_thread),
        cmocka_unit_test(servers_on_cores),
        cmocka_unit_test(operations_called_back),
        cmocka_unit_test(connections_called_back),
        cmocka_unit_test(plain_sockets),
        cmocka_unit_test(paths),
        cmocka_unit_test(reading_and_writing),
        cmocka_unit_test(pipes_of_the_caller),
        cmocka_unit_test(standard_input_and_output),
        cmocka_unit_test(servers_that_are_served),
        cmocka_unit_test(protocols_on_cores),
        cmocka_unit_test(connections_handed_over),
    };
    census_begin();
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
