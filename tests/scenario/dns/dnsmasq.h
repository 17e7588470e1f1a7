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

/* Whether it listens already: it opens its TCP socket last. */
static inline bool dnsmasq_listens(uint16_t port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool listens = connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
    close(fd);
    return listens;
}

static inline pid_t dnsmasq_spawn(const char *const options[], char *port)
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
                                 "--log-facility=/dev/null",
                                 port};
    for (int i = 13; *options; i++)
        arguments[i] = *options++;
    pid_t pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        int null = open("/dev/null", O_RDWR);
        (void)dup2(null, STDOUT_FILENO);
        (void)dup2(null, STDERR_FILENO);
        execv(arguments[0], (char **)(uintptr_t)arguments);
        _exit(127);
    }
    return pid;
}

/* Starts it and waits until it answers; another port where somebody was faster. */
static inline void dnsmasq_start(dnsmasq *d, const char *const options[])
{
    char port[32];
    int status;
    do {
        d->port = dnsmasq_free_port();
        snprintf(port, sizeof(port), "--port=%u", d->port);
        d->pid = dnsmasq_spawn(options, port);
        assert_true(d->pid > 0);
        while (!dnsmasq_listens(d->port) && waitpid(d->pid, &status, WNOHANG) == 0)
            usleep(1000);
    } while (kill(d->pid, 0) < 0);
    snprintf(d->address, sizeof(d->address), "127.0.0.1:%u", d->port);
}

static inline void dnsmasq_stop(dnsmasq *d)
{
    int status;
    assert_int_equal(kill(d->pid, SIGTERM), 0);
    assert_int_equal(waitpid(d->pid, &status, 0), d->pid);
}

#endif
