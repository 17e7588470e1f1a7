/* What nobody else hears: the exception handler and those who call it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "loop/loop.h"
#include <yibu/error.h>

/* A message of several lines says it all itself. */
void yibu_loop_default_exception_handler(yibu_loop *loop, const char *message, intptr_t code,
                                         void *arg)
{
    (void)loop;
    (void)arg;
    if (code && !strchr(message, '\n'))
        fprintf(stderr, "yibu: %s: %s\n", message, yibu_strerror(code));
    else
        fprintf(stderr, "yibu: %s\n", message);
}

void yb_loop_report_text(yibu_loop *loop, intptr_t code, const char *message)
{
    loop->options.exception_handler(loop, message, code, loop->options.exception_handler_arg);
}

void yb_loop_report(yibu_loop *loop, intptr_t code, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    yb_loop_report_text(loop, code, message);
}

int yibu_loop_set_exception_handler(yibu_loop *loop, yibu_exception_handler *handler, void *arg)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    loop->options.exception_handler = handler ? handler : yibu_loop_default_exception_handler;
    loop->options.exception_handler_arg = handler ? arg : NULL;
    return 0;
}

yibu_exception_handler *yibu_loop_get_exception_handler(const yibu_loop *loop, void **ret_arg)
{
    if (!loop)
        return NULL;
    if (ret_arg)
        *ret_arg = loop->options.exception_handler_arg;
    return loop->options.exception_handler;
}

int yibu_loop_call_exception_handler(yibu_loop *loop, const char *message, intptr_t code)
{
    int r = yb_loop_check(loop);
    if (r < 0)
        return r;
    if (!message)
        return -EINVAL;
    yb_loop_report_text(loop, code, message);
    return 0;
}
