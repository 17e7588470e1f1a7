/* dnsmasq, started for one test on a free loopback port and ended by its pid. */
#ifndef DNSMASQ_H
#define DNSMASQ_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

typedef struct dnsmasq {
    pid_t pid;
    int said; /* its standard error */
    uint16_t port;
    char address[32]; /* "127.0.0.1:port" */
} dnsmasq;

static inline bool dnsmasq_is_installed(void)
{
    return access("/usr/sbin/dnsmasq", X_OK) == 0;
}

/* A port that was free a moment ago. */
static inline uint16_t dnsmasq_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    close(fd);
    return ntohs(address.sin_port);
}

static inline pid_t dnsmasq_spawn(const char *const options[], char *port, int standard_error)
{
    const char *arguments[64] = {"/usr/sbin/dnsmasq",
                                 "--no-daemon",
                                 "--conf-file=/dev/null",
                                 "--no-resolv",
                                 "--no-hosts",
                                 "--local-service",
                                 "--listen-address=127.0.0.1",
                                 "--bind-interfaces",
                                 "--user=root",
                                 "--local=/test/",
                                 "--domain-needed",
                                 "--log-facility=-",
                                 port};
    for (int i = 13; *options; i++)
        arguments[i] = *options++;
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        int null = open("/dev/null", O_RDWR);
        (void)dup2(null, STDOUT_FILENO);
        (void)dup2(standard_error, STDERR_FILENO);
        execv(arguments[0], (char **)(uintptr_t)arguments);
        _exit(127);
    }
    return pid;
}

/* Whether it has said that it answers, which it says once its sockets are bound; or it has
 * ended. */
static inline bool dnsmasq_says_started(int said)
{
    char text[4096] = "";
    size_t length = 0;
    ssize_t n = 1;
    while (n > 0 && !strstr(text, "started")) {
        n = read(said, text + length, sizeof(text) - 1 - length);
        length += n > 0 ? (size_t)n : 0;
        text[length] = '\0';
    }
    return strstr(text, "started");
}

static inline void dnsmasq_reap(dnsmasq *d)
{
    int status;
    assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
    close(d->said);
}

/* Starts it and waits until it answers; another port where somebody was faster. */
static inline void dnsmasq_start(dnsmasq *d, const char *const options[])
{
    for (int attempt = 0; attempt < 20; attempt++) {
        char port[32];
        int ends[2];
        d->port = dnsmasq_free_port();
        snprintf(port, sizeof(port), "--port=%u", d->port);
        snprintf(d->address, sizeof(d->address), "127.0.0.1:%u", d->port);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        d->said = ends[0];
        d->pid = dnsmasq_spawn(options, port, ends[1]);
        assert_true(d->pid > 0);
        close(ends[1]);
        if (dnsmasq_says_started(d->said))
            return;
        dnsmasq_reap(d);
    }
    fail_msg("dnsmasq does not start");
}

static inline void dnsmasq_stop(dnsmasq *d)
{
    assert_int_equal(kill(d->pid, SIGTERM), 0);
    dnsmasq_reap(d);
}

#endif
