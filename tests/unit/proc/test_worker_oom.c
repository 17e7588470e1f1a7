/* A worker that the kernel kills because its control group has no memory left.  The test makes a
 * group of its own within its group and puts a child of its own there; where that is not allowed,
 * it is skipped. */
#include "jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define LIMIT_BYTES "268435456"

static intptr_t take_all_memory(yibu_bytes input, yibu_buffer *output)
{
    enum { STEP = 1 << 20 };
    (void)input;
    (void)output;
    for (;;) {
        char *memory = malloc(STEP);
        if (!memory)
            return -ENOMEM;
        memset(memory, 1, STEP);
    }
}
YIBU_JOB(take_all_memory);

static intptr_t answer(yibu_bytes input, yibu_buffer *output)
{
    (void)input;
    (void)output;
    return 42;
}
YIBU_JOB(answer);

/* The group. */

static bool write_to(const char *group, const char *file, const char *text)
{
    char path[4500];
    (void)snprintf(path, sizeof(path), "%s/%s", group, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return written;
}

/* A group for the limit, of version 1 or 2. */
static bool make_group_in(const char *parent, const char *limit, char *ret_group, size_t size)
{
    (void)snprintf(ret_group, size, "%s/yibu-test-%d", parent, (int)getpid());
    if (mkdir(ret_group, 0755) < 0)
        return false;
    if (write_to(ret_group, limit, LIMIT_BYTES))
        return true;
    (void)rmdir(ret_group);
    return false;
}

static bool make_group(char *ret_group, size_t size)
{
    char line[4200], parent[4400];
    bool made = false;
    FILE *groups = fopen("/proc/self/cgroup", "re");
    while (groups && !made && fgets(line, sizeof(line), groups)) {
        line[strcspn(line, "\n")] = '\0';
        const char *path = strchr(line, '/');
        bool unified = strncmp(line, "0::", 3) == 0, memory = strstr(line, ":memory:") != NULL;
        if (!path || (!unified && !memory))
            continue;
        (void)snprintf(parent, sizeof(parent), "/sys/fs/cgroup%s%s", memory ? "/memory" : "",
                       strcmp(path, "/") == 0 ? "" : path);
        made =
            make_group_in(parent, memory ? "memory.limit_in_bytes" : "memory.max", ret_group, size);
    }
    if (groups)
        fclose(groups);
    return made;
}

/* In the group. */

static intptr_t run_out_of_memory(void *arg)
{
    yibu_job_report report = {.size = sizeof(report)};
    const yibu_job_options options = {.size = sizeof(options), .report = &report};
    const yibu_bytes nothing = {NULL, 0};
    (void)arg;
    intptr_t r = yibu_to_process(&take_all_memory_job, nothing, NULL, &options);
    if (r != YIBU_EWORKER || report.signal != SIGKILL)
        return -EPROTO;
    if (report.reason != YIBU_JOB_REASON_OUT_OF_MEMORY)
        return -EBADMSG;
    return yibu_to_process(&answer_job, nothing, NULL, NULL);
}

static int live_in_group(const char *group)
{
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    if (!write_to(group, "cgroup.procs", "0"))
        return 2;
    return yibu_run(run_out_of_memory, NULL, NULL) == 42 ? 0 : 1;
}

static void remove_group(const char *group)
{
    const struct timespec a_moment = {.tv_nsec = 1000000};
    for (int i = 0; i < 1000 && rmdir(group) < 0 && errno == EBUSY; i++)
        nanosleep(&a_moment, NULL);
}

static void the_kernels_verdict_is_told(void **state)
{
    char group[4600];
    int status;
    (void)state;
    if (!make_group(group, sizeof(group))) {
        print_message("no control group for memory can be made here\n");
        skip();
    }
    pid_t child = fork();
    if (child == 0)
        _exit(live_in_group(group));
    assert_int_equal(waitpid(child, &status, 0), child);
    remove_group(group);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_kernels_verdict_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
