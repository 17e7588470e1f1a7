/* A worker's standard output and error, while a job runs that wants them elsewhere. */
#ifndef YB_PROC_REDIRECT_H
#define YB_PROC_REDIRECT_H

#include "proc/settings.h"

/* Takes over the files that text is captured in, of output and error (text.h). */
void yb_redirect_open(const int fds[2]);

/* Which descriptors are open, a bit each: the files', then standard output and error. */
enum { YB_REDIRECT_TEXTS = 3 };
unsigned yb_redirect_present(void);

/* Returns 0, or a negative errno; then nothing has changed. */
int yb_redirect_begin(const yb_settings *settings);

/* Returns whether they lead again where they did. */
bool yb_redirect_end(void);

/* Moves a descriptor where a job that counts on low numbers does not get at it.  Returns its
 * number, which is fd where it could not be moved. */
int yb_redirect_out_of_the_way(int fd);

#endif
