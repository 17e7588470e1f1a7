/* uint64_t registers_changed(uint64_t seed, void (*fn)(void *arg), void *arg): fills the
 * callee-saved registers with values derived from seed, calls fn(arg), and returns how many came
 * back with another value. */

#if defined(__x86_64__)

    .text
    .globl registers_changed
    .type registers_changed, @function
registers_changed:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %rdi
    leaq 1(%rdi), %rbp
    leaq 2(%rdi), %rbx
    leaq 3(%rdi), %r12
    leaq 4(%rdi), %r13
    leaq 5(%rdi), %r14
    leaq 6(%rdi), %r15
    movq %rdx, %rdi
    call *%rsi
    popq %rdi
    xorl %eax, %eax
    .macro compare register, difference
    subq %rdi, \register
    cmpq $\difference, \register
    setne %cl
    movzbl %cl, %ecx
    addq %rcx, %rax
    .endm
    compare %rbp, 1
    compare %rbx, 2
    compare %r12, 3
    compare %r13, 4
    compare %r14, 5
    compare %r15, 6
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size registers_changed, . - registers_changed

#elif defined(__aarch64__)

    .text
    .globl registers_changed
    .type registers_changed, %function
registers_changed:
    stp x29, x30, [sp, #-176]!
    stp x19, x20, [sp, #16]
    stp x21, x22, [sp, #32]
    stp x23, x24, [sp, #48]
    stp x25, x26, [sp, #64]
    stp x27, x28, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    str x0, [sp, #160]
    .irp n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
    add x\n, x0, #\n
    .endr
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    add x9, x0, #\n
    fmov d\n, x9
    .endr
    mov x0, x2
    blr x1
    ldr x1, [sp, #160]
    mov x0, #0
    .irp n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29
    add x9, x1, #\n
    cmp x9, x\n
    cinc x0, x0, ne
    .endr
    .irp n, 8, 9, 10, 11, 12, 13, 14, 15
    add x9, x1, #\n
    fmov x10, d\n
    cmp x9, x10
    cinc x0, x0, ne
    .endr
    ldp x19, x20, [sp, #16]
    ldp x21, x22, [sp, #32]
    ldp x23, x24, [sp, #48]
    ldp x25, x26, [sp, #64]
    ldp x27, x28, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    ldp x29, x30, [sp], #176
    ret
    .size registers_changed, . - registers_changed

#endif

    .section .note.GNU-stack, "", %progbits
