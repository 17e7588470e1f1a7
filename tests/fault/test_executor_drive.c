/* Executors are cancelled wherever their users wait, timed out there, and go without memory, and
 * leave nothing behind. */
#include "drive.h"
#include "everything.h"
#include "everything_executors.h"

DRIVE(executors_of_threads, everything_thread_executor, false)
DRIVE(executors_of_processes, everything_process_executor, false)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(executors_of_threads),
        cmocka_unit_test(executors_of_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
