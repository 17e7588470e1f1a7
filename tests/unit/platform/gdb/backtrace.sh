#!/bin/sh
# gdb names the functions of suspended contexts and tasks, in a live process and in a core file.
# usage: backtrace.sh COMMANDS PROGRAM
set -u
commands=$1 program=$2
command -v gdb >/dev/null || exit 77
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

run_gdb() {
    gdb -nx -batch -iex 'set auto-load no' -ex 'set confirm off' -ex 'set width 0' \
        -ex "source $commands" "$@" 2>&1
}

# expect FILE PATTERN…: lines that match, in this order.
expect() {
    file=$1
    shift
    at=1
    for pattern in "$@"; do
        found=$(tail -n "+$at" "$file" | grep -n -m 1 -e "$pattern" | cut -d : -f 1)
        if [ -z "$found" ]; then
            echo "not in $(basename "$file") from line $at on: $pattern"
            failed=1
            return
        fi
        at=$((at + found))
    done
}

run_gdb -ex 'break stop_here' -ex run -ex 'yibu-backtrace -context &suspended->context' \
    -ex 'backtrace' \
    -ex continue -ex 'echo \nTASKS\n' -ex 'info yibu-tasks' -ex 'echo BACKTRACE\n' \
    -ex 'yibu-backtrace sleeper' -ex 'echo ALL\n' -ex 'yibu-backtrace' \
    -ex 'echo PLAIN\n' -ex 'backtrace' \
    -ex 'break inlined' -ex continue -ex 'echo INLINED\n' -ex 'info yibu-tasks' \
    -ex 'yibu-backtrace' \
    -ex delete -ex continue \
    "$program" >"$folder/live"

if grep -q -e 'ptrace: Operation not permitted' "$folder/live"; then
    echo "this machine does not allow debugging"
    exit 77
fi

if grep -q -e 'yb_switch_resume is not known' "$folder/live"; then
    echo "switches of ucontext cannot be unwound"
    exit 77
fi

expect "$folder/live" \
    '^#0 .*yb_switch' '^#[0-9]* .*inner_most (depth=41)' '^#[0-9]* .*in_the_middle (depth=40)' \
    '^#[0-9]* .*context_function' '^#[0-9]* .*yb_switch_start' \
    '^#0 .*stop_here' '^#1 .*main' \
    '^TASKS' '"the sleeper" created at .*suspended.c:[0-9]*: yibu_sleep in sleep_deeply at' \
    '^BACKTRACE' '^Task 0x[0-9a-f]* "the sleeper" (suspended):' '^#0 .*yb_switch' \
    'yibu_sleep (' 'sleep_deeply (delay_ns=1000000000000)' 'sleeping_task (' 'yb_switch_start' \
    '^ALL' '^PLAIN' '^#0 .*stop_here' '^#1 .*run (' 'yb_switch_start' \
    '^INLINED' '"the sleeper" created at .*suspended.c:[0-9]*: yibu_sleep in sleep_deeply at' \
    '^Task 0x[0-9a-f]* "the sleeper" (suspended):' '^#0 .*yb_switch' 'exited normally'
expect "$folder/live" '^3 tasks'
if grep -q -i -e 'corrupt stack' -e 'Python Exception' -e 'Error occurred' "$folder/live"; then
    echo "gdb was not content"
    failed=1
fi

# What the kernel writes; not gdb's generate-core-file, which leaves out whatever is near a guard.
(cd "$folder" && ABORT=1 "$program" >/dev/null 2>&1)
core=$(find "$folder" -name 'core*')
if [ -n "$core" ]; then
    run_gdb -ex 'yibu-backtrace' -ex 'info yibu-tasks' "$program" "$core" >"$folder/dead"
    expect "$folder/dead" '"the sleeper" (suspended):' 'yibu_sleep (' 'sleep_deeply (' \
        'sleeping_task (' 'yb_switch_start' '^3 tasks'
else
    echo "core files go elsewhere on this machine" >"$folder/dead"
fi

if grep -A 1 -e yb_switch_start "$folder"/live "$folder"/dead | grep -q -e '-#[1-9]'; then
    echo "a backtrace went on below yb_switch_start"
    failed=1
fi

[ "$failed" = 0 ] || cat "$folder/live" "$folder/dead"
exit "$failed"
