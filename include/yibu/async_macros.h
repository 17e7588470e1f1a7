/* What <yibu/async.h> is made of; nothing here is for use by itself.
 *
 * A call is a coroutine with its arguments: a frame of their types on the heap.  Whatever starts a
 * call owns it, and the task that it becomes keeps it as long as it lives. */
#ifndef YIBU_ASYNC_MACROS_H
#define YIBU_ASYNC_MACROS_H

#if defined(__GNUC__)
#pragma GCC system_header /* compilers' messages point at the program, not into these macros */
#endif

#include <yibu/base.h>
#include <yibu/group.h>
#include <yibu/task.h>

typedef struct yibu_async_frame yibu_async_frame;
typedef void yibu_async_function_(void);

/* Of one coroutine, and static: every file that declares the coroutine has its own. */
typedef struct yibu_async_type_ {
    size_t size; /* of this struct */
    const char *name;
    yibu_async_function_ *function; /* the coroutine itself: tells whose task a task is */
    yibu_coroutine *coroutine;      /* calls it with what its frame holds */
    size_t frame_size;
    size_t frame_alignment;
    void (*destroy)(void *frame); /* C++'s; may be NULL */
} yibu_async_type_;

YIBU_BEGIN_DECLS

/* Room for the frame of a call; NULL: no memory.  Context: any thread. */
YIBU_API void *yibu_async_new_(const yibu_async_type_ *type);

YIBU_API yibu_task *yibu_async_start_(yibu_async_frame *frame, const yibu_task_options *options,
                                      const char *place);
YIBU_API int yibu_async_go_(yibu_async_frame *frame, const char *place);
YIBU_API yibu_task *yibu_async_start_in_(yibu_group *group, yibu_async_frame *frame,
                                         const char *place);
YIBU_API int yibu_async_go_in_(yibu_group *group, yibu_async_frame *frame, const char *place);

/* The status of a task, and its frame where it has succeeded. */
YIBU_API int yibu_async_await_(yibu_task *task, yibu_async_function_ *function, void **ret_frame);
YIBU_API int yibu_async_result_(yibu_task *task, yibu_async_function_ *function, void **ret_frame);

YIBU_API int yibu_async_run_(yibu_coroutine *coroutine, void *frame,
                             const yibu_loop_options *options);

YIBU_END_DECLS

/* Declarations.  ... is NAME, then type and name of each argument, so that it is never empty. */
#define YIBU_ASYNC_APPLY_(WHAT, RESULT, ...)                                                      \
    YIBU_ASYNC_APPLY2_(YIBU_ASYNC_SHAPE_(WHAT, __VA_ARGS__), YIBU_ASYNC_KIND_(RESULT),            \
                       YIBU_ASYNC_COUNT_(__VA_ARGS__), RESULT, YIBU_ASYNC_FIRST_(__VA_ARGS__, ~), \
                       __VA_ARGS__)
#define YIBU_ASYNC_APPLY2_(WHAT, KIND, COUNT, RESULT, NAME, ...) \
    YIBU_ASYNC_APPLY3_(WHAT, KIND, COUNT, RESULT, NAME, __VA_ARGS__)
#define YIBU_ASYNC_APPLY3_(WHAT, KIND, COUNT, RESULT, NAME, ...) \
    YIBU_ASYNC_##WHAT(KIND, COUNT, RESULT, NAME, __VA_ARGS__)

#define YIBU_ASYNC_HEAD_(KIND, COUNT, RESULT, NAME, ...) \
    int NAME(YIBU_ASYNC_PARAMETERS_##KIND(COUNT, RESULT, __VA_ARGS__))

#define YIBU_ASYNC_DECLARE_(KIND, COUNT, RESULT, NAME, ...)                                     \
    YIBU_ASYNC_HEAD_(KIND, COUNT, RESULT, NAME, __VA_ARGS__);                                   \
    YIBU_ASYNC_STRICT_                                                                          \
    struct NAME##_frame {                                                                       \
        YIBU_ASYNC_RESULT_##KIND(RESULT) ret;                                                   \
        YIBU_ASYNC_EACH_##COUNT(YIBU_ASYNC_MEMBER_, __VA_ARGS__)                                \
            YIBU_ASYNC_CONSTRUCTOR_(COUNT, NAME, __VA_ARGS__)                                   \
    };                                                                                          \
    YIBU_ASYNC_HELPER_ intptr_t NAME##_coroutine(void *yb_memory)                               \
    {                                                                                           \
        struct NAME##_frame *yb_frame = YIBU_ASYNC_CAST_(struct NAME##_frame *, yb_memory);     \
        (void)yb_frame;                                                                         \
        return NAME(YIBU_ASYNC_FIELDS_##KIND(COUNT, __VA_ARGS__));                              \
    }                                                                                           \
    YIBU_ASYNC_DESTROY_(NAME)                                                                   \
    YIBU_ASYNC_HELPER_ yibu_async_frame *NAME##_call(                                           \
        YIBU_ASYNC_PARAMETERS_VOID_(COUNT, , __VA_ARGS__))                                      \
    {                                                                                           \
        static const yibu_async_type_ yb_type = {sizeof(yb_type),                               \
                                                 #NAME,                                         \
                                                 YIBU_ASYNC_FUNCTION_(NAME),                    \
                                                 NAME##_coroutine,                              \
                                                 sizeof(struct NAME##_frame),                   \
                                                 YIBU_ASYNC_ALIGNOF_(struct NAME##_frame),      \
                                                 YIBU_ASYNC_DESTRUCTOR_(NAME)};                 \
        void *yb_memory = yibu_async_new_(&yb_type);                                            \
        if (yb_memory) {                                                                        \
            YIBU_ASYNC_FILL_(yb_memory, COUNT, NAME, __VA_ARGS__);                              \
        }                                                                                       \
        return YIBU_ASYNC_CAST_(yibu_async_frame *, yb_memory);                                 \
    }                                                                                           \
    YIBU_ASYNC_HELPER_ int NAME##_run(                                                          \
        const yibu_loop_options *yb_options YIBU_ASYNC_MORE_##KIND(COUNT, RESULT, __VA_ARGS__)) \
    {                                                                                           \
        YIBU_ASYNC_LOCAL_(yb_frame, COUNT, NAME, __VA_ARGS__);                                  \
        int yb_status = yibu_async_run_(NAME##_coroutine, &yb_frame, yb_options);               \
        YIBU_ASYNC_TAKE_##KIND(yb_frame.ret);                                                   \
        return yb_status;                                                                       \
    }                                                                                           \
    YIBU_ASYNC_WAITER_(KIND, RESULT, NAME, await)                                               \
    YIBU_ASYNC_WAITER_(KIND, RESULT, NAME, result)                                              \
    struct NAME##_frame

#define YIBU_ASYNC_WAITER_(KIND, RESULT, NAME, VERB)                                               \
    YIBU_ASYNC_HELPER_ int NAME##_##VERB(yibu_task *task YIBU_ASYNC_MORE_##KIND(0_, RESULT, NAME)) \
    {                                                                                              \
        void *yb_memory = NULL;                                                                    \
        int yb_status = yibu_async_##VERB##_(task, YIBU_ASYNC_FUNCTION_(NAME), &yb_memory);        \
        YIBU_ASYNC_TAKE_##KIND(YIBU_ASYNC_CAST_(const struct NAME##_frame *, yb_memory)->ret);     \
        return yb_status;                                                                          \
    }

#define YIBU_ASYNC_MISTAKE_(RESULT, NAME, WHY) \
    int NAME(void);                            \
    YIBU_ASYNC_ASSERT_(0, "YIBU_ASYNC(" #RESULT ", " #NAME ", ...): " WHY)
#define YIBU_ASYNC_ODD_DECLARE_(KIND, COUNT, RESULT, NAME, ...) \
    YIBU_ASYNC_MISTAKE_(RESULT, NAME, "an argument is its type, a comma and its name")
#define YIBU_ASYNC_MANY_DECLARE_(KIND, COUNT, RESULT, NAME, ...) \
    YIBU_ASYNC_MISTAKE_(RESULT, NAME, "more than 8 arguments; put them into a struct")
#define YIBU_ASYNC_ODD_HEAD_(KIND, COUNT, RESULT, NAME, ...) int NAME(void)
#define YIBU_ASYNC_MANY_HEAD_(KIND, COUNT, RESULT, NAME, ...) int NAME(void)

/* With a result, and without one. */
#define YIBU_ASYNC_PARAMETERS_VALUE_(COUNT, RESULT, ...) \
    YIBU_ASYNC_EACH_##COUNT(YIBU_ASYNC_PARAMETER_COMMA_, __VA_ARGS__) RESULT *ret
#define YIBU_ASYNC_PARAMETERS_VOID_(COUNT, RESULT, ...) \
    YIBU_ASYNC_LIST_##COUNT(YIBU_ASYNC_PARAMETER_, void, __VA_ARGS__)
#define YIBU_ASYNC_MORE_VALUE_(COUNT, RESULT, ...) \
    YIBU_ASYNC_EACH_##COUNT(YIBU_ASYNC_COMMA_PARAMETER_, __VA_ARGS__), RESULT *ret
#define YIBU_ASYNC_MORE_VOID_(COUNT, RESULT, ...) \
    YIBU_ASYNC_EACH_##COUNT(YIBU_ASYNC_COMMA_PARAMETER_, __VA_ARGS__)
#define YIBU_ASYNC_FIELDS_VALUE_(COUNT, ...) \
    YIBU_ASYNC_EACH_##COUNT(YIBU_ASYNC_FIELD_COMMA_, __VA_ARGS__) & yb_frame->ret
#define YIBU_ASYNC_FIELDS_VOID_(COUNT, ...) \
    YIBU_ASYNC_LIST_##COUNT(YIBU_ASYNC_FIELD_, , __VA_ARGS__)
#define YIBU_ASYNC_TAKE_VALUE_(VALUE)                                         \
    if (yb_status < YIBU_ASYNC_LOWEST_)                                       \
        __builtin_unreachable(); /* lets the compiler see who has set *ret */ \
    if (yb_status >= 0 && ret)                                                \
    *ret = (VALUE)
#define YIBU_ASYNC_TAKE_VOID_(VALUE)
#define YIBU_ASYNC_LOWEST_ (-65535) /* of all statuses */
#define YIBU_ASYNC_RESULT_VALUE_(RESULT) RESULT
#define YIBU_ASYNC_RESULT_VOID_(RESULT) char /* a struct is never empty */

/* For each argument. */
#define YIBU_ASYNC_PARAMETER_(TYPE, NAME) TYPE NAME
#define YIBU_ASYNC_PARAMETER_COMMA_(TYPE, NAME) TYPE NAME,
#define YIBU_ASYNC_COMMA_PARAMETER_(TYPE, NAME) , TYPE NAME
#define YIBU_ASYNC_FIELD_COMMA_(TYPE, NAME) YIBU_ASYNC_FIELD_(TYPE, NAME),

#define YIBU_ASYNC_HELPER_ __attribute__((unused)) static inline

#ifdef __cplusplus

extern "C++" {
#include <new>
#include <type_traits>
}

#define YIBU_ASYNC_STRICT_
#define YIBU_ASYNC_CAST_(TYPE, VALUE) static_cast<TYPE>(VALUE)
#define YIBU_ASYNC_ALIGNOF_(TYPE) alignof(TYPE)
#define YIBU_ASYNC_ASSERT_(CONDITION, MESSAGE) static_assert(CONDITION, MESSAGE)
#define YIBU_ASYNC_FUNCTION_(NAME) reinterpret_cast<yibu_async_function_ *>(NAME)
#define YIBU_ASYNC_MEMBER_(TYPE, NAME)                                                           \
    static_assert(!std::is_reference<TYPE>::value,                                               \
                  "argument " #NAME " is a reference, but a task owns a copy of its arguments"); \
    TYPE NAME;
#define YIBU_ASYNC_FIELD_(TYPE, NAME) static_cast<TYPE &&>(yb_frame->NAME)
#define YIBU_ASYNC_FORWARD_(TYPE, NAME) static_cast<TYPE &&>(NAME)
#define YIBU_ASYNC_INITIAL_PARAMETER_(TYPE, NAME) TYPE initial_##NAME
#define YIBU_ASYNC_INITIALISER_(TYPE, NAME) , NAME(static_cast<TYPE &&>(initial_##NAME))
#define YIBU_ASYNC_CONSTRUCTOR_(COUNT, NAME, ...)                                                \
    explicit NAME##_frame(YIBU_ASYNC_LIST_##COUNT(YIBU_ASYNC_INITIAL_PARAMETER_, , __VA_ARGS__)) \
        : ret() YIBU_ASYNC_EACH_##COUNT(YIBU_ASYNC_INITIALISER_, __VA_ARGS__)                    \
    {                                                                                            \
    }
#define YIBU_ASYNC_DESTROY_(NAME)                                       \
    YIBU_ASYNC_HELPER_ void NAME##_destroy(void *yb_memory)             \
    {                                                                   \
        static_cast<struct NAME##_frame *>(yb_memory)->~NAME##_frame(); \
    }
#define YIBU_ASYNC_DESTRUCTOR_(NAME) NAME##_destroy
#define YIBU_ASYNC_FILL_(MEMORY, COUNT, NAME, ...) \
    new (MEMORY) NAME##_frame(YIBU_ASYNC_LIST_##COUNT(YIBU_ASYNC_FORWARD_, , __VA_ARGS__))
#define YIBU_ASYNC_LOCAL_(FRAME, COUNT, NAME, ...)                  \
    struct NAME##_frame FRAME {                                     \
        YIBU_ASYNC_LIST_##COUNT(YIBU_ASYNC_FORWARD_, , __VA_ARGS__) \
    }

#else

#define YIBU_ASYNC_STRICT_                               \
    _Pragma("GCC diagnostic error \"-Wint-conversion\"") \
        _Pragma("GCC diagnostic error \"-Wincompatible-pointer-types\"")
#define YIBU_ASYNC_CAST_(TYPE, VALUE) ((TYPE)(VALUE))
#define YIBU_ASYNC_ALIGNOF_(TYPE) _Alignof(TYPE)
#define YIBU_ASYNC_ASSERT_(CONDITION, MESSAGE) _Static_assert(CONDITION, MESSAGE)
#define YIBU_ASYNC_FUNCTION_(NAME) ((yibu_async_function_ *)(NAME))
#define YIBU_ASYNC_MEMBER_(TYPE, NAME) TYPE NAME;
#define YIBU_ASYNC_FIELD_(TYPE, NAME) yb_frame->NAME
#define YIBU_ASYNC_INITIALISER_(TYPE, NAME) .NAME = NAME
#define YIBU_ASYNC_CONSTRUCTOR_(COUNT, NAME, ...)
#define YIBU_ASYNC_DESTROY_(NAME)
#define YIBU_ASYNC_DESTRUCTOR_(NAME) NULL
#define YIBU_ASYNC_FILL_(MEMORY, COUNT, NAME, ...)         \
    YIBU_ASYNC_LOCAL_(yb_frame, COUNT, NAME, __VA_ARGS__); \
    __builtin_memcpy(MEMORY, &yb_frame, sizeof(yb_frame)) /* members may be const */
#define YIBU_ASYNC_LOCAL_(FRAME, COUNT, NAME, ...) \
    struct NAME##_frame FRAME = {YIBU_ASYNC_LIST_##COUNT(YIBU_ASYNC_INITIALISER_, 0, __VA_ARGS__)}

#endif

/* fetch, "url", 3 -> fetch_call("url", 3); fetch itself is named so that a misspelt name is
 * told. */
#define YIBU_ASYNC_CALL_(...) \
    YIBU_ASYNC_CAT_(YIBU_ASYNC_CALL_, YIBU_ASYNC_ONE_OR_MORE_(__VA_ARGS__))(__VA_ARGS__)
#define YIBU_ASYNC_CALL_ONE_(NAME) ((void)(NAME), NAME##_call())
#define YIBU_ASYNC_CALL_MORE_(NAME, ...) ((void)(NAME), NAME##_call(__VA_ARGS__))

/* VOID_ for void, VALUE_ for anything else: `YIBU_ASYNC_IS_void *()` calls no macro. */
#define YIBU_ASYNC_KIND_(RESULT) YIBU_ASYNC_SECOND_(YIBU_ASYNC_IS_##RESULT(), VALUE_, ~)
#define YIBU_ASYNC_IS_void() ~, VOID_

#define YIBU_ASYNC_CAT_(A, B) YIBU_ASYNC_CAT2_(A, B)
#define YIBU_ASYNC_CAT2_(A, B) A##B
#define YIBU_ASYNC_FIRST_(A, ...) A
#define YIBU_ASYNC_SECOND_(...) YIBU_ASYNC_SECOND2_(__VA_ARGS__)
#define YIBU_ASYNC_SECOND2_(A, B, ...) B
#define YIBU_ASYNC_PICK_(_1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, \
                         _17, _18, _19, _20, _21, _22, _23, _24, _25, _26, _27, _28, _29, _30,  \
                         PICKED, ...)                                                           \
    PICKED
#define YIBU_ASYNC_ONE_OR_MORE_(...)                                                              \
    YIBU_ASYNC_PICK_(__VA_ARGS__, MORE_, MORE_, MORE_, MORE_, MORE_, MORE_, MORE_, MORE_, MORE_,  \
                     MORE_, MORE_, MORE_, MORE_, MORE_, MORE_, MORE_, MORE_, MORE_, MORE_, MORE_, \
                     MORE_, MORE_, MORE_, MORE_, MORE_, MORE_, MORE_, MORE_, MORE_, ONE_, ~)
/* How many arguments a declaration has, and whether each has its type and its name. */
#define YIBU_ASYNC_COUNT_(...)                                                                   \
    YIBU_ASYNC_PICK_(__VA_ARGS__, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, MANY_, \
                     MANY_, MANY_, MANY_, MANY_, 8_, 7_, 7_, 6_, 6_, 5_, 5_, 4_, 4_, 3_, 3_, 2_, \
                     2_, 1_, 1_, 0_, 0_, ~)
#define YIBU_ASYNC_SHAPE_(WHAT, ...)                                                               \
    YIBU_ASYNC_PICK_(__VA_ARGS__, MANY_##WHAT, MANY_##WHAT, MANY_##WHAT, MANY_##WHAT, MANY_##WHAT, \
                     MANY_##WHAT, MANY_##WHAT, MANY_##WHAT, MANY_##WHAT, MANY_##WHAT, MANY_##WHAT, \
                     MANY_##WHAT, MANY_##WHAT, WHAT, ODD_##WHAT, WHAT, ODD_##WHAT, WHAT,           \
                     ODD_##WHAT, WHAT, ODD_##WHAT, WHAT, ODD_##WHAT, WHAT, ODD_##WHAT, WHAT,       \
                     ODD_##WHAT, WHAT, ODD_##WHAT, WHAT, ~)

/* One after the other, and as a list; a list of none is NONE. */
#define YIBU_ASYNC_EACH_0_(DO, NAME)
#define YIBU_ASYNC_EACH_1_(DO, NAME, T1, A1) DO(T1, A1)
#define YIBU_ASYNC_EACH_2_(DO, NAME, T1, A1, T2, A2) DO(T1, A1) DO(T2, A2)
#define YIBU_ASYNC_EACH_3_(DO, NAME, T1, A1, T2, A2, T3, A3) DO(T1, A1) DO(T2, A2) DO(T3, A3)
#define YIBU_ASYNC_EACH_4_(DO, NAME, T1, A1, T2, A2, T3, A3, T4, A4) \
    DO(T1, A1) DO(T2, A2) DO(T3, A3) DO(T4, A4)
#define YIBU_ASYNC_EACH_5_(DO, NAME, T1, A1, T2, A2, T3, A3, T4, A4, T5, A5) \
    DO(T1, A1) DO(T2, A2) DO(T3, A3) DO(T4, A4) DO(T5, A5)
#define YIBU_ASYNC_EACH_6_(DO, NAME, T1, A1, T2, A2, T3, A3, T4, A4, T5, A5, T6, A6) \
    DO(T1, A1) DO(T2, A2) DO(T3, A3) DO(T4, A4) DO(T5, A5) DO(T6, A6)
#define YIBU_ASYNC_EACH_7_(DO, NAME, T1, A1, T2, A2, T3, A3, T4, A4, T5, A5, T6, A6, T7, A7) \
    DO(T1, A1) DO(T2, A2) DO(T3, A3) DO(T4, A4) DO(T5, A5) DO(T6, A6) DO(T7, A7)
#define YIBU_ASYNC_EACH_8_(DO, NAME, T1, A1, T2, A2, T3, A3, T4, A4, T5, A5, T6, A6, T7, A7, T8, \
                           A8)                                                                   \
    DO(T1, A1) DO(T2, A2) DO(T3, A3) DO(T4, A4) DO(T5, A5) DO(T6, A6) DO(T7, A7) DO(T8, A8)
#define YIBU_ASYNC_LIST_0_(DO, NONE, NAME) NONE
#define YIBU_ASYNC_LIST_1_(DO, NONE, NAME, T1, A1) DO(T1, A1)
#define YIBU_ASYNC_LIST_2_(DO, NONE, NAME, T1, A1, T2, A2) DO(T1, A1), DO(T2, A2)
#define YIBU_ASYNC_LIST_3_(DO, NONE, NAME, T1, A1, T2, A2, T3, A3) \
    DO(T1, A1), DO(T2, A2), DO(T3, A3)
#define YIBU_ASYNC_LIST_4_(DO, NONE, NAME, T1, A1, T2, A2, T3, A3, T4, A4) \
    DO(T1, A1), DO(T2, A2), DO(T3, A3), DO(T4, A4)
#define YIBU_ASYNC_LIST_5_(DO, NONE, NAME, T1, A1, T2, A2, T3, A3, T4, A4, T5, A5) \
    DO(T1, A1), DO(T2, A2), DO(T3, A3), DO(T4, A4), DO(T5, A5)
#define YIBU_ASYNC_LIST_6_(DO, NONE, NAME, T1, A1, T2, A2, T3, A3, T4, A4, T5, A5, T6, A6) \
    DO(T1, A1), DO(T2, A2), DO(T3, A3), DO(T4, A4), DO(T5, A5), DO(T6, A6)
#define YIBU_ASYNC_LIST_7_(DO, NONE, NAME, T1, A1, T2, A2, T3, A3, T4, A4, T5, A5, T6, A6, T7, A7) \
    DO(T1, A1), DO(T2, A2), DO(T3, A3), DO(T4, A4), DO(T5, A5), DO(T6, A6), DO(T7, A7)
#define YIBU_ASYNC_LIST_8_(DO, NONE, NAME, T1, A1, T2, A2, T3, A3, T4, A4, T5, A5, T6, A6, T7, A7, \
                           T8, A8)                                                                 \
    DO(T1, A1), DO(T2, A2), DO(T3, A3), DO(T4, A4), DO(T5, A5), DO(T6, A6), DO(T7, A7), DO(T8, A8)

#endif
