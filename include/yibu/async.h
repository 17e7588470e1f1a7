/* Typed coroutines: asyncio's `async def`.
 *
 *     YIBU_ASYNC(size_t, fetch, const char *, url, int, tries)
 *     {
 *         ...
 *         *ret = bytes;
 *         return 0;
 *     }
 *
 * The line declares `int fetch(const char *url, int tries, size_t *ret)`; the body is that plain
 * function's.  It returns a status, 0 or more, or a failure (<yibu/base.h>), and leaves its result
 * in *ret.  Calling it is `await fetch(url, tries)`:
 *
 *     int r = fetch("http://...", 3, &bytes);
 *
 * and beside the caller it is started with a copy of its arguments, and awaited by its own name:
 *
 *     yibu_task *task = yibu_start(fetch, "http://...", 3);
 *     int r = fetch_await(task, &bytes);
 *
 * Arguments and result may be of any type that a C struct can hold and assign; a pointer is copied,
 * not what it points to.  Types that are not written in front of a name (arrays, pointers to
 * functions) or that contain a comma need a typedef.  In C++ they may have constructors. */
#ifndef YIBU_ASYNC_H
#define YIBU_ASYNC_H

#if defined(__GNUC__)
#pragma GCC system_header /* compilers' messages point at the program, not into these macros */
#endif

#include <yibu/async_macros.h>
#include <yibu/base.h>
#include <yibu/task.h>

/* Declares the coroutine NAME with up to 8 arguments, each as its type, a comma and its name, and
 * begins its definition.  RESULT may be void: there is no ret then.  `static` in front of it, or
 * nothing, is the linkage.  It declares
 *
 *     int NAME(arguments..., RESULT *ret)
 *     int NAME_await(yibu_task *task, RESULT *ret)
 *     int NAME_result(yibu_task *task, RESULT *ret)
 *     int NAME_run(const yibu_loop_options *options, arguments..., RESULT *ret)
 *
 * NAME_await waits for a task as yibu_await does, NAME_result asks for the result without waiting
 * (-EINPROGRESS until the task has ended).  Both return the status, and copy the result unless that
 * is a failure or ret is NULL; for a task that is not NAME's they return -EINVAL.  NAME_run is
 * yibu_run: it calls the coroutine on a loop of its own.
 *
 * In C, an argument that converts between an integer and a pointer or between two kinds of pointers
 * is an error from here to the end of the file, as GCC 14 and Clang 16 have it everywhere. */
#define YIBU_ASYNC(RESULT, ...)              \
    YIBU_ASYNC_DECLARE(RESULT, __VA_ARGS__); \
    YIBU_ASYNC_APPLY_(HEAD_, RESULT, __VA_ARGS__)

/* The same without the definition, for headers and forward declarations; a semicolon follows.  The
 * definition is that of a plain function: int NAME(arguments..., RESULT *ret) { ... } */
#define YIBU_ASYNC_DECLARE(RESULT, ...) YIBU_ASYNC_APPLY_(DECLARE_, RESULT, __VA_ARGS__)

/* yibu_start(NAME, arguments...): starts a typed coroutine as yibu_create_task does, with a copy of
 * its arguments, which lives as long as the task's handle.
 * Returns the task, or NULL where there is no memory or no loop; NAME_await(NULL, ...) is
 * -ENOMEM. */
#define yibu_start(...) yibu_async_start_(YIBU_ASYNC_CALL_(__VA_ARGS__), NULL, YIBU_HERE)

/* yibu_start_with(options, NAME, arguments...): the same with a task's options. */
#define yibu_start_with(OPTIONS, ...) \
    yibu_async_start_(YIBU_ASYNC_CALL_(__VA_ARGS__), (OPTIONS), YIBU_HERE)

/* yibu_go(NAME, arguments...): starts it and keeps no handle, as yibu_spawn does.
 * Returns 0, -ENOMEM, or YIBU_ENOTASK without a loop. */
#define yibu_go(...) yibu_async_go_(YIBU_ASYNC_CALL_(__VA_ARGS__), YIBU_HERE)

/* yibu_start_in(group, NAME, arguments...): yibu_start of a child of the group.
 * Returns the task, or NULL: there is no memory, which fails the group, or it takes no children. */
#define yibu_start_in(GROUP, ...) \
    yibu_async_start_in_((GROUP), YIBU_ASYNC_CALL_(__VA_ARGS__), YIBU_HERE)

/* yibu_go_in(group, NAME, arguments...): yibu_go of a child of the group.
 * Returns what yibu_group_spawn does. */
#define yibu_go_in(GROUP, ...) yibu_async_go_in_((GROUP), YIBU_ASYNC_CALL_(__VA_ARGS__), YIBU_HERE)

#endif
