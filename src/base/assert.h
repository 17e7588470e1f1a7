/* Invariants, checked in release too, and the message before an abort. */
#ifndef YB_BASE_ASSERT_H
#define YB_BASE_ASSERT_H

/* Writes "yibu: <message>" to standard error and aborts.  Async-signal-safe but for the format. */
__attribute__((noreturn, cold, format(printf, 1, 2))) void yb_abort(const char *format, ...);

#define YB_LIKELY(X) __builtin_expect(!!(X), 1)
#define YB_UNLIKELY(X) __builtin_expect(!!(X), 0)

#define YB_ASSERT(CONDITION)                                                                       \
    do {                                                                                           \
        if (YB_UNLIKELY(!(CONDITION)))                                                             \
            yb_abort("%s:%d: %s: assertion failed: %s", __FILE__, __LINE__, __func__, #CONDITION); \
    } while (0)

#endif
