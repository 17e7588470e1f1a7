/* Terminals get their mode back, whatever becomes of the program. */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <termios.h>

#include "process.h"

static int master, terminal;
static struct termios before;

static int open_terminal(void **state)
{
    (void)state;
    assert_int_equal(openpty(&master, &terminal, NULL, NULL, NULL), 0);
    assert_int_equal(tcgetattr(terminal, &before), 0);
    return 0;
}

static int close_terminal(void **state)
{
    (void)state;
    close(terminal);
    close(master);
    return 0;
}

static struct termios mode_now(void)
{
    struct termios now;
    assert_int_equal(tcgetattr(terminal, &now), 0);
    return now;
}

static void assert_restored(void)
{
    struct termios now = mode_now();
    assert_int_equal(now.c_lflag, before.c_lflag);
    assert_int_equal(now.c_iflag, before.c_iflag);
    assert_int_equal(now.c_oflag, before.c_oflag);
}

static void raw_and_cbreak_are_what_they_are_elsewhere_and_do_not_mix(void **state)
{
    (void)state;
    assert_int_equal(yibu_tty_set_raw(terminal), 0);
    assert_false(mode_now().c_lflag & (ICANON | ECHO | ISIG));
    assert_false(mode_now().c_oflag & OPOST);
    assert_int_equal(yibu_tty_set_cbreak(terminal), 0);
    assert_false(mode_now().c_lflag & (ICANON | ECHO));
    assert_true(mode_now().c_lflag & ISIG);
    assert_true(mode_now().c_oflag & OPOST);
    assert_int_equal(yibu_tty_restore(terminal), 0);
    assert_restored();
    assert_int_equal(yibu_tty_restore(terminal), 0);
}

static void the_size_can_be_asked_for_and_set(void **state)
{
    (void)state;
    unsigned rows, columns;
    assert_int_equal(yibu_tty_set_size(master, 33, 77), 0);
    assert_int_equal(yibu_tty_get_size(terminal, &rows, &columns), 0);
    assert_int_equal(rows, 33);
    assert_int_equal(columns, 77);
    assert_int_equal(yibu_tty_set_size(master, 100000, 1), -EINVAL);
}

static void what_is_no_terminal_is_refused(void **state)
{
    (void)state;
    unsigned rows, columns;
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    assert_int_equal(yibu_tty_set_raw(fd), -ENOTTY);
    assert_int_equal(yibu_tty_get_size(fd, &rows, &columns), -ENOTTY);
    close(fd);
    assert_int_equal(yibu_tty_set_raw(-1), -EBADF);
}

static int crash(void)
{
    volatile int *nowhere = NULL;
    return *nowhere;
}

static intptr_t crash_in_a_task(void *arg)
{
    (void)arg;
    yibu_sleep(0);
    return crash();
}

typedef enum end { EXIT, ABORT, FAULT, TASK_FAULT, TERMINATED, INTERRUPTED_TWICE } end;

static intptr_t ignore_an_interrupt(void *arg)
{
    (void)arg;
    if (yibu_tty_set_raw(terminal) != 0)
        return 2;
    raise(SIGINT);
    raise(SIGINT);
    return 0;
}

static int make_raw_and_end(void *arg)
{
    signal(SIGSEGV, SIG_DFL);                   /* cmocka's */
    if (*(const end *)arg == INTERRUPTED_TWICE) /* the runner comes first */
        return (int)yibu_run(ignore_an_interrupt, NULL, NULL);
    if (yibu_tty_set_raw(terminal) != 0)
        return 2;
    close(terminal); /* the library has its own */
    switch (*(const end *)arg) {
    case EXIT:
        exit(0);
    case ABORT:
        abort();
    case FAULT:
        return crash();
    case TASK_FAULT:
        return (int)yibu_run(crash_in_a_task, NULL, NULL);
    case TERMINATED:
        raise(SIGTERM);
        break;
    case INTERRUPTED_TWICE:
        break;
    }
    return 1;
}

static int end_at_once(void *arg)
{
    (void)arg;
    exit(0);
}

static void a_forked_child_that_ends_leaves_the_mode_alone(void **state)
{
    (void)state;
    assert_int_equal(yibu_tty_set_raw(terminal), 0);
    test_result result;
    test_in_process(end_at_once, NULL, &result);
    assert_true(test_exited(&result, 0));
    assert_false(mode_now().c_lflag & ICANON);
    assert_int_equal(yibu_tty_restore(terminal), 0);
    assert_restored();
}

static void a_program_that_ends_gives_the_mode_back_however_it_ends(void **state)
{
    (void)state;
    static const int signals[] = {0, SIGABRT, SIGSEGV, SIGSEGV, SIGTERM, SIGINT};
    for (end how = EXIT; how <= INTERRUPTED_TWICE; how++) {
        if (YB_TEST_SLOWDOWN > 1 && (how == FAULT || how == TASK_FAULT))
            continue; /* instruments have handlers of their own for these */
        test_result result;
        test_in_process(make_raw_and_end, &how, &result);
        assert_true(how == EXIT
                        ? test_exited(&result, 0)
                        : WIFSIGNALED(result.status) && WTERMSIG(result.status) == signals[how]);
        assert_restored();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_and_cbreak_are_what_they_are_elsewhere_and_do_not_mix),
        cmocka_unit_test(the_size_can_be_asked_for_and_set),
        cmocka_unit_test(what_is_no_terminal_is_refused),
        cmocka_unit_test(a_forked_child_that_ends_leaves_the_mode_alone),
        cmocka_unit_test(a_program_that_ends_gives_the_mode_back_however_it_ends),
    };
    return cmocka_run_group_tests(tests, open_terminal, close_terminal);
}
