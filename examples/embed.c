/* A loop inside another one: the program waits in poll(2) for its own descriptors and for Yibu's,
 * and gives Yibu a turn when that one is readable.  A GUI's main loop takes poll's place.
 *
 * Reads words from standard input; Yibu answers each a tenth of a second later. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <yibu.h>

static intptr_t answer(void *arg)
{
    char word[64];
    snprintf(word, sizeof(word), "%s", (const char *)arg); /* arg is the caller's buffer */
    int r = yibu_sleep(YIBU_MS(100));
    if (r == 0)
        printf("Yibu says %s\n", word);
    return r;
}

/* The program's own business; false: there is no more. */
static bool take_input(void)
{
    static char buffer[64];
    ssize_t n = read(STDIN_FILENO, buffer, sizeof(buffer) - 1);
    if (n <= 0)
        return false;
    buffer[n] = '\0';
    buffer[strcspn(buffer, "\n")] = '\0';
    yibu_spawn(answer, buffer);
    return true;
}

static void run(yibu_loop *loop)
{
    struct pollfd fds[] = {{.fd = yibu_loop_fd(loop), .events = POLLIN},
                           {.fd = STDIN_FILENO, .events = POLLIN}};
    bool more = true;
    while (yibu_loop_run_once(loop, 0) > 0 || more) {
        if (poll(fds, 2, -1) < 0)
            return;
        if (fds[1].revents && !take_input()) {
            more = false;
            fds[1].fd = -1; /* poll(2) passes over it */
        }
    }
}

int main(void)
{
    yibu_loop *loop;
    int r = yibu_loop_new(NULL, &loop);
    if (r < 0) {
        fprintf(stderr, "embed: %s\n", yibu_strerror(r));
        return 1;
    }
    run(loop);
    return yibu_loop_free(loop) < 0;
}
