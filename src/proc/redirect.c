/* While text is captured, lines are written as they end: a job that crashes takes with it only what
 * it had not finished.  Without room in the file, the kernel refuses further writes (EPERM): the
 * file cannot grow, and writing begins so far from its end as the limit says (text.h). */
#define _GNU_SOURCE
#include "proc/redirect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc/text.h"

enum { STREAMS = 2 };

static int texts[STREAMS] = {-1, -1};
static int saved[STREAMS] = {-1, -1}; /* where the descriptor led; -1: it was not changed */
static bool buffered[STREAMS];        /* by more than a line, before */

static FILE *stream_of(int i)
{
    return i == 0 ? stdout : stderr;
}

int yb_redirect_out_of_the_way(int fd)
{
    struct rlimit limit;
    int high = 1000;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 1024)
        high = limit.rlim_cur > 16 ? (int)limit.rlim_cur - 8 : 3;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, high);
    if (moved < 0)
        return fd;
    close(fd);
    return moved;
}

void yb_redirect_open(const int fds[2])
{
    for (int i = 0; i < STREAMS; i++)
        texts[i] = yb_redirect_out_of_the_way(fds[i]);
}

unsigned yb_redirect_present(void)
{
    unsigned present = 0;
    for (int i = 0; i < STREAMS; i++) {
        present |= (unsigned)(fcntl(texts[i], F_GETFD) >= 0) << i;
        present |= (unsigned)(fcntl(STDOUT_FILENO + i, F_GETFD) >= 0) << (STREAMS + i);
    }
    return present;
}

static int save(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return copy < 0 ? -errno : yb_redirect_out_of_the_way(copy);
}

static int lead_to_text(int i, uint32_t limit)
{
    struct stat file;
    if (fstat(texts[i], &file) < 0 ||
        lseek(texts[i], yb_text_first(file.st_size, limit), SEEK_SET) < 0 ||
        dup2(texts[i], STDOUT_FILENO + i) < 0)
        return -errno;
    FILE *stream = stream_of(i);
    buffered[i] = !__flbf(stream) && __fbufsize(stream) != 1;
    (void)setvbuf(stream, NULL, _IOLBF, 0);
    return 0;
}

static int lead_nowhere(int i)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0)
        return -errno;
    int r = dup2(null, STDOUT_FILENO + i) < 0 ? -errno : 0;
    close(null);
    return r;
}

static int begin_one(int i, uint32_t stdio, uint32_t limit)
{
    if (stdio == YIBU_JOB_STDIO_PASS)
        return 0;
    fflush(stream_of(i));
    saved[i] = save(STDOUT_FILENO + i);
    if (saved[i] < 0)
        return saved[i];
    buffered[i] = false;
    return stdio == YIBU_JOB_STDIO_CAPTURE ? lead_to_text(i, limit) : lead_nowhere(i);
}

int yb_redirect_begin(const yb_settings *settings)
{
    for (int i = 0; i < STREAMS; i++) {
        int r = begin_one(i, settings->stdio[i], settings->text_limit);
        if (r < 0) {
            (void)yb_redirect_end();
            return r;
        }
    }
    return 0;
}

static bool end_one(int i)
{
    FILE *stream = stream_of(i);
    if (saved[i] < 0)
        return true;
    if (fflush(stream) != 0) {
        __fpurge(stream); /* what was refused is not for whoever comes next */
        clearerr(stream);
    }
    if (buffered[i])
        (void)setvbuf(stream, NULL, _IOFBF, 0);
    bool back = dup2(saved[i], STDOUT_FILENO + i) >= 0;
    close(saved[i]);
    saved[i] = -1;
    return back;
}

bool yb_redirect_end(void)
{
    bool output = end_one(0), errors = end_one(1);
    return output && errors;
}
