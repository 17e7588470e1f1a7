/* Texts of the kernel's: whatever they are, there is an answer.  Each file that is opened is the
 * input. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>

#include "memory_file.h"
#include "platform/thread_state.h"
#include "proc/descendants.h"
#include "proc/oom.h"

int __wrap_open(const char *path, int flags, ...);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__real_fopen(const char *path, const char *mode);

static stream input;

static int open_input(const char *path)
{
    CHECK(strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/sys/fs/cgroup/", 15) == 0);
    return memory_file_new(input.at, (size_t)(input.end - input.at)).fd;
}

int __wrap_open(const char *path, int flags, ...)
{
    (void)flags;
    return open_input(path);
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
    return input.at ? fdopen(open_input(path), mode) : __real_fopen(path, mode);
}

/* Nobody is killed for an input's sake. */
static unsigned asked;

static bool spare(pid_t pid)
{
    (void)pid;
    asked++;
    return true;
}

/* What a line "NAME number" says, as far as it is one. */
static bool tells_kills(void)
{
    size_t size = (size_t)(input.end - input.at);
    return memmem(input.at, size, "oom_kill", 8) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = (stream){data, data + size};
    CHECK(yb_oom_kills() == 0 || tells_kills());
    yb_thread_state state = yb_thread_look(1);
    CHECK(state.doing == YB_THREAD_RUNS || state.doing == YB_THREAD_STOPPED ||
          state.doing == YB_THREAD_TRACED || state.doing == YB_THREAD_WAITS);
    asked = 0;
    CHECK(yb_descendants_kill(spare) == 0 && asked <= size);
    input.at = NULL;
    return 0;
}
