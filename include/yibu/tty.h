/* Terminals: their mode and their size.  For streams over them see <yibu/pipe.h>.
 *
 * A terminal whose mode was changed here gets its former one back when the program says so, when it
 * exits, and when a signal ends it that it does not handle (also the one of an abort), but for
 * SIGKILL.  While any is changed, signals whose action is the default one therefore have a handler:
 * SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGABRT, SIGSEGV, SIGBUS, SIGFPE and SIGILL.
 *
 * Context: any thread.  Nothing here suspends. */
#ifndef YIBU_TTY_H
#define YIBU_TTY_H

#include <yibu/base.h>

YIBU_BEGIN_DECLS

/* Every key as it is pressed, nothing echoed, nothing done for it (Python: tty.setraw).
 * Returns 0; -ENOTTY where fd is no terminal; -EMFILE where eight are changed already. */
YIBU_API int yibu_tty_set_raw(int fd);

/* Every key as it is pressed, nothing echoed; Control-C and its kin and the output are as ever
 * (Python: tty.setcbreak).  Returns as yibu_tty_set_raw. */
YIBU_API int yibu_tty_set_cbreak(int fd);

/* Gives the terminal the mode that it had before the first change.
 * Returns 0, also where nothing was changed, or a negative errno. */
YIBU_API int yibu_tty_restore(int fd);

/* The size in characters.  When it changes the program gets SIGWINCH (yibu_signal_wait).
 * Returns 0 or -ENOTTY. */
YIBU_API int yibu_tty_get_size(int fd, unsigned *ret_rows, unsigned *ret_columns);

/* Sets it, for those who have the other end (YIBU_SUBPROCESS_PTY): the child gets SIGWINCH.
 * Returns 0 or -ENOTTY. */
YIBU_API int yibu_tty_set_size(int fd, unsigned rows, unsigned columns);

YIBU_END_DECLS

#endif
