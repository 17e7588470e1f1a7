/* What every other public header uses: linkage, time units, the result convention.
 *
 * Results.  Every call that can fail returns an `int`, `ssize_t` or `intptr_t`: a value in
 * [-65535, -1] is a failure (a negative errno, or one of the codes in <yibu/error.h>), anything
 * else is a value, pointers included.  `errno` is never part of the contract.
 *
 * Time is `int64_t` nanoseconds on the monotonic clock. */
#ifndef YIBU_BASE_H
#define YIBU_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define YIBU_VERSION_MAJOR 0
#define YIBU_VERSION_MINOR 1
#define YIBU_VERSION_PATCH 0

#ifdef __cplusplus
#define YIBU_BEGIN_DECLS extern "C" {
#define YIBU_END_DECLS }
#else
#define YIBU_BEGIN_DECLS
#define YIBU_END_DECLS
#endif

#if defined(__GNUC__)
#define YIBU_API __attribute__((visibility("default")))
#define YIBU_NODISCARD __attribute__((warn_unused_result))
#else
#define YIBU_API
#define YIBU_NODISCARD
#endif

/* Durations, in nanoseconds. */
#define YIBU_NS(n) ((int64_t)(n))
#define YIBU_US(n) ((int64_t)(n)*1000)
#define YIBU_MS(n) ((int64_t)(n)*1000000)
#define YIBU_SECONDS(n) ((int64_t)(n)*1000000000)
#define YIBU_FOREVER INT64_MAX

#define YIBU_STRINGIFY_(x) #x
#define YIBU_STRINGIFY(x) YIBU_STRINGIFY_(x)
/* The place in the source it stands at, as "file:line". */
#define YIBU_HERE __FILE__ ":" YIBU_STRINGIFY(__LINE__)

YIBU_BEGIN_DECLS

/* Whether a result is a failure. */
static inline bool yibu_failed(intptr_t result)
{
    return result < 0 && result >= -65535;
}

/* The version of the library that is loaded, "MAJOR.MINOR.PATCH".  Context: any thread. */
YIBU_API const char *yibu_version(void);

YIBU_END_DECLS

#endif
