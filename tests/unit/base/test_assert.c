/* The last words of a program that broke an invariant. */
#include "test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"

/* Runs breakage in a child; returns what it wrote to standard error, and asserts SIGABRT. */
static void last_words(void (*breakage)(void), char *ret_text, size_t size)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        breakage();
        _exit(0);
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t n; (n = read(ends[0], ret_text + length, size - 1 - length)) > 0;)
        length += (size_t)n;
    ret_text[length] = '\0';
    char *emulator = strstr(ret_text, "qemu: "); /* which adds a word of its own */
    if (emulator)
        *emulator = '\0';
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void break_with_reason(void)
{
    yb_abort("task \"%s\" ended %d times", "x", 2);
}

static void break_at_length(void)
{
    char endless[2000];
    memset(endless, 'a', sizeof(endless) - 1);
    endless[sizeof(endless) - 1] = '\0';
    yb_abort("%s", endless);
}

static void break_an_assertion(void)
{
    YB_ASSERT(1 + 1 == 3);
}

static void abort_says_why_in_one_line(void **state)
{
    (void)state;
    char text[4096];
    last_words(break_with_reason, text, sizeof(text));
    assert_string_equal(text, "yibu: task \"x\" ended 2 times\n");
}

static void abort_cuts_a_long_reason_and_still_ends_the_line(void **state)
{
    (void)state;
    char text[4096];
    last_words(break_at_length, text, sizeof(text));
    assert_in_range(strlen(text), 100, 512);
    assert_int_equal(text[strlen(text) - 1], '\n');
    assert_memory_equal(text, "yibu: aaa", 9);
}

static void failed_assertion_names_itself_and_its_place(void **state)
{
    (void)state;
    char text[4096];
    last_words(break_an_assertion, text, sizeof(text));
    assert_non_null(strstr(text, "test_assert.c:"));
    assert_non_null(strstr(text, "break_an_assertion: assertion failed: 1 + 1 == 3\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(abort_says_why_in_one_line),
        cmocka_unit_test(abort_cuts_a_long_reason_and_still_ends_the_line),
        cmocka_unit_test(failed_assertion_names_itself_and_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
