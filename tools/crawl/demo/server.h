/* The demonstration's server: a site in memory, answered with a delay. */
#ifndef DEMO_SERVER_H
#define DEMO_SERVER_H

#include <stddef.h>
#include <stdint.h>

/* Serves a tree on a free port of 127.0.0.1: writes the port, a line, to standard output, and ends
 * at the end of standard input.  Returns the process's exit status. */
int server_main(const char *tree, size_t max_files, int64_t latency_ns);

#endif
