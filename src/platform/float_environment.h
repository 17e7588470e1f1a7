/* Floating-point control words: rounding mode, exception masks, denormals.  They belong to the
 * thread; a task that asks for its own saves and restores them around its switches.  The status
 * flags that x86 keeps in the same register travel with them. */
#ifndef YB_PLATFORM_FLOAT_ENVIRONMENT_H
#define YB_PLATFORM_FLOAT_ENVIRONMENT_H

#include <stdint.h>

#if defined(__x86_64__)

typedef struct yb_float_environment {
    uint32_t mxcsr;
    uint16_t x87_control;
} yb_float_environment;

/* What a program starts with (psABI 3.2.1). */
static const yb_float_environment yb_float_environment_default = {0x1f80, 0x037f};

static inline void yb_float_environment_save(yb_float_environment *ret_environment)
{
    __asm__ volatile("stmxcsr %0" : "=m"(ret_environment->mxcsr));
    __asm__ volatile("fnstcw %0" : "=m"(ret_environment->x87_control));
}

static inline void yb_float_environment_restore(const yb_float_environment *environment)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(environment->mxcsr));
    __asm__ volatile("fldcw %0" : : "m"(environment->x87_control));
}

#elif defined(__aarch64__)

typedef struct yb_float_environment {
    uint64_t fpcr;
} yb_float_environment;

static const yb_float_environment yb_float_environment_default = {0};

static inline void yb_float_environment_save(yb_float_environment *ret_environment)
{
    __asm__ volatile("mrs %0, fpcr" : "=r"(ret_environment->fpcr));
}

static inline void yb_float_environment_restore(const yb_float_environment *environment)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(environment->fpcr));
}

#else

#include <fenv.h>
#include <stddef.h>

typedef struct yb_float_environment {
    const fenv_t *preset; /* NULL: words */
    fenv_t words;
} yb_float_environment;

static const yb_float_environment yb_float_environment_default = {.preset = FE_DFL_ENV};

static inline void yb_float_environment_save(yb_float_environment *ret_environment)
{
    ret_environment->preset = NULL;
    fegetenv(&ret_environment->words);
}

static inline void yb_float_environment_restore(const yb_float_environment *environment)
{
    fesetenv(environment->preset ? environment->preset : &environment->words);
}

#endif
#endif
