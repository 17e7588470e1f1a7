/* Executors are cancelled wherever their users wait, timed out there, and go without memory, and leave
 * nothing behind. */
#include "drive.h"
#include "everything.h"
#include "everything_executors.h"

#define DRIVE(NAME, PROGRAM)                                          \
    LOOP_TEST(NAME)                                                   \
    {                                                                 \
        yibu_loop *loop = yibu_get_running_loop();                    \
        yibu_loop_set_exception_handler(loop, everything_hush, NULL); \
        long struck = drive_all(#NAME, PROGRAM, false);               \
        print_message("%ld faults\n", struck);                        \
        assert_true(struck > 0);                                      \
        return 0;                                                     \
    }

DRIVE(executors_of_threads, everything_thread_executor)
DRIVE(executors_of_processes, everything_process_executor)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(executors_of_threads),
        cmocka_unit_test(executors_of_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
