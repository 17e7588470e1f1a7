/* The switch for aarch64 (AAPCS64 6.1): x19 to x29, d8 to d15 and sp belong to the caller, and x30
 * is where it goes on.  It ends in `ret`, as the one for x86-64 does and for the same reason. */
#include "platform/switch.h"

#if !YB_SWITCH_UCONTEXT && defined(__aarch64__)

    .text

    .globl  yb_switch
    .hidden yb_switch
    .type   yb_switch, %function
    .p2align 4
yb_switch:                          /* x0: where to leave sp, x1: the sp to take */
    .cfi_startproc
    sub     sp, sp, #160
    .cfi_def_cfa_offset 160
    stp     x19, x20, [sp]
    .cfi_rel_offset x19, 0
    .cfi_rel_offset x20, 8
    stp     x21, x22, [sp, #16]
    .cfi_rel_offset x21, 16
    .cfi_rel_offset x22, 24
    stp     x23, x24, [sp, #32]
    .cfi_rel_offset x23, 32
    .cfi_rel_offset x24, 40
    stp     x25, x26, [sp, #48]
    .cfi_rel_offset x25, 48
    .cfi_rel_offset x26, 56
    stp     x27, x28, [sp, #64]
    .cfi_rel_offset x27, 64
    .cfi_rel_offset x28, 72
    stp     x29, x30, [sp, #80]
    .cfi_rel_offset x29, 80
    .cfi_rel_offset x30, 88
    stp     d8, d9, [sp, #96]
    .cfi_rel_offset d8, 96
    .cfi_rel_offset d9, 104
    stp     d10, d11, [sp, #112]
    .cfi_rel_offset d10, 112
    .cfi_rel_offset d11, 120
    stp     d12, d13, [sp, #128]
    .cfi_rel_offset d12, 128
    .cfi_rel_offset d13, 136
    stp     d14, d15, [sp, #144]
    .cfi_rel_offset d14, 144
    .cfi_rel_offset d15, 152
    mov     x9, sp
    str     x9, [x0]
    mov     sp, x1

    /* Where every suspended stack goes on: a debugger that puts this address into pc and a
       context's stack pointer into sp can unwind it. */
    .globl  yb_switch_resume
    .hidden yb_switch_resume
yb_switch_resume:
    ldp     x19, x20, [sp]
    ldp     x21, x22, [sp, #16]
    ldp     x23, x24, [sp, #32]
    ldp     x25, x26, [sp, #48]
    ldp     x27, x28, [sp, #64]
    ldp     x29, x30, [sp, #80]
    ldp     d8, d9, [sp, #96]
    ldp     d10, d11, [sp, #112]
    ldp     d12, d13, [sp, #128]
    ldp     d14, d15, [sp, #144]
    add     sp, sp, #160
    .cfi_def_cfa_offset 0
    .cfi_restore x19
    .cfi_restore x20
    .cfi_restore x21
    .cfi_restore x22
    .cfi_restore x23
    .cfi_restore x24
    .cfi_restore x25
    .cfi_restore x26
    .cfi_restore x27
    .cfi_restore x28
    .cfi_restore x29
    .cfi_restore x30
    .cfi_restore d8
    .cfi_restore d9
    .cfi_restore d10
    .cfi_restore d11
    .cfi_restore d12
    .cfi_restore d13
    .cfi_restore d14
    .cfi_restore d15
    ret
    .cfi_endproc
    .size   yb_switch, . - yb_switch

/* Leaves as yb_switch does, and calls x3(x4) on the fresh stack that ends at x2, by a jump: see the
 * one for x86-64. */
    .globl  yb_switch_begin
    .hidden yb_switch_begin
    .type   yb_switch_begin, %function
    .p2align 4
yb_switch_begin:
    .cfi_startproc
    sub     sp, sp, #160
    .cfi_def_cfa_offset 160
    stp     x19, x20, [sp]
    .cfi_rel_offset x19, 0
    .cfi_rel_offset x20, 8
    stp     x21, x22, [sp, #16]
    .cfi_rel_offset x21, 16
    .cfi_rel_offset x22, 24
    stp     x23, x24, [sp, #32]
    .cfi_rel_offset x23, 32
    .cfi_rel_offset x24, 40
    stp     x25, x26, [sp, #48]
    .cfi_rel_offset x25, 48
    .cfi_rel_offset x26, 56
    stp     x27, x28, [sp, #64]
    .cfi_rel_offset x27, 64
    .cfi_rel_offset x28, 72
    stp     x29, x30, [sp, #80]
    .cfi_rel_offset x29, 80
    .cfi_rel_offset x30, 88
    stp     d8, d9, [sp, #96]
    .cfi_rel_offset d8, 96
    .cfi_rel_offset d9, 104
    stp     d10, d11, [sp, #112]
    .cfi_rel_offset d10, 112
    .cfi_rel_offset d11, 120
    stp     d12, d13, [sp, #128]
    .cfi_rel_offset d12, 128
    .cfi_rel_offset d13, 136
    stp     d14, d15, [sp, #144]
    .cfi_rel_offset d14, 144
    .cfi_rel_offset d15, 152
    mov     x9, sp
    str     x9, [x0]
    mov     sp, x2
    .cfi_undefined x30
    adr     x30, .Lbottom
    mov     x29, xzr
    mov     x0, x4
    br      x3
    .cfi_endproc
    .size   yb_switch_begin, . - yb_switch_begin

/* The bottom frame of every coroutine, where no one returns to; unwinding ends here. */
    .type   yb_switch_start, %function
    .p2align 4
yb_switch_start:
    .cfi_startproc
    .cfi_undefined x30
    nop                             /* an unwinder looks at the byte before a return address */
.Lbottom:
    brk     #1
    .cfi_endproc
    .size   yb_switch_start, . - yb_switch_start

#endif

    .section .note.GNU-stack, "", %progbits
