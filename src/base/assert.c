/* The last words before an abort: one line on standard error, one write, no heap. */
#include "base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void yb_abort(const char *format, ...)
{
    char line[512] = "yibu: ";
    const size_t prefix = sizeof("yibu: ") - 1;
    const size_t room = sizeof(line) - prefix - 1; /* the newline's */

    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line + prefix, room, format, arguments);
    va_end(arguments);

    size_t end = prefix;
    if (length > 0)
        end += (size_t)length < room ? (size_t)length : room - 1;
    line[end++] = '\n';
    /* Nobody is left to hear of a failure. */
    if (write(STDERR_FILENO, line, end) < 0)
        abort();
    abort();
}
