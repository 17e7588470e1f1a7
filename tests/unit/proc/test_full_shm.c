/* Jobs where the file system that is memory has no room left. */
#define _GNU_SOURCE
#include "executors.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

enum { BYTES = 8 << 20, CANNOT = 77 };

static intptr_t give_back(yibu_bytes input, yibu_buffer *output)
{
    printf("%zu bytes", input.size);
    return yibu_buffer_append(output, input.data, input.size);
}
YIBU_JOB(give_back);

/* A file system of one page, full, in a name space of the process's own; false: it has no right
 * to. */
static bool leave_no_room(void)
{
    static const char page[4096];
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "", MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", "/dev/shm", "tmpfs", 0, "size=4k") < 0)
        return false;
    int fd = open("/dev/shm/full", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, page, sizeof(page)), sizeof(page));
    assert_int_equal(write(fd, page, 1), -1);
    assert_int_equal(errno, ENOSPC);
    return close(fd) == 0;
}

static intptr_t run_large(void *arg)
{
    yibu_buffer output = {0}, text = {0};
    yibu_job_options options = {
        .size = sizeof(options), .out = YIBU_JOB_STDIO_CAPTURE, .ret_out = &text};
    const yibu_bytes input = {arg, BYTES};
    assert_int_equal(yibu_to_process(&give_back_job, input, &output, &options), 0);
    assert_int_equal(output.size, BYTES);
    assert_memory_equal(output.data, arg, BYTES);
    assert_int_equal(text.size, strlen("8388608 bytes"));
    yibu_buffer_free(&output);
    yibu_buffer_free(&text);
    return 0;
}

static void run_with_no_room(void)
{
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    if (!leave_no_room())
        _exit(CANNOT);
    char *bytes = malloc(BYTES);
    assert_non_null(bytes);
    memset(bytes, 'x', BYTES);
    _exit(yibu_run(run_large, bytes, NULL) == 0 ? 0 : 1);
}

/* In a child, with which its name space ends. */
static void full_dev_shm_is_no_limit_to_jobs(void **state)
{
    int status;
    (void)state;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        run_with_no_room();
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CANNOT)
        skip();
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_dev_shm_is_no_limit_to_jobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
