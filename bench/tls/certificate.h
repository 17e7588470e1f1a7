/* A certificate with its key, in one file, as every server of the topic has one. */
#ifndef BENCH_CERTIFICATE_H
#define BENCH_CERTIFICATE_H

#include "bench.h"

#include <unistd.h>

/* The file; made by the openssl program. */
static inline const char *bench_certificate(void)
{
    static char path[] = "/tmp/bench-tls-XXXXXX";
    char command[512];
    int fd = mkstemp(path);

    if (fd < 0)
        bench_fail("mkstemp", errno);
    close(fd);
    snprintf(command, sizeof(command),
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30"
             " -subj /CN=localhost -keyout %s.key -out %s >/dev/null 2>&1"
             " && cat %s.key >>%s && rm %s.key",
             path, path, path, path, path);
    if (system(command) != 0)
        bench_fail("openssl", EIO);
    return path;
}

#endif
