"""gdb commands for programs that use Yibu, live or from a core file.

    (gdb) source yibu.py
    (gdb) info yibu-tasks                every task: state, name, where it was made, where it waits
    (gdb) yibu-backtrace TASK            the stack of a suspended task, by address or expression
    (gdb) yibu-backtrace                 of every suspended task
    (gdb) yibu-backtrace -context CTX    of a struct yb_context

A suspended task is not a thread, so gdb cannot see it by itself.  Its stack pointer is in its
context, and it goes on at yb_switch_resume, whose unwind information leads to the caller.  The
commands let gdb believe that the current frame was called from there, without touching a register,
so that they also work on core files.  They need Yibu's debugging symbols.
"""

import re
from contextlib import contextmanager

import gdb
from gdb.unwinder import Unwinder, register_unwinder

READY, RUNNING, SUSPENDED, PENDING, ENDED = range(5)
# The library's own rooms: what a task waits in is named by who called them.
OWN_SOURCE = re.compile(r"/src/(base|platform|loop|task|sync|exec|io|net|proc|sim)/[^/]+$")

STATES = {READY: "ready", RUNNING: "running", SUSPENDED: "suspended", ENDED: "ended"}
MACHINE_REGISTERS = {"i386:x86-64": ("rip", "rsp"), "aarch64": ("pc", "sp")}


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class ContextUnwinder(Unwinder):
    """Puts a suspended context in the place of the current frame's caller, while told to."""

    def __init__(self):
        super().__init__("yibu-context")
        self.target = None

    def __call__(self, pending):
        if self.target is None:
            return None
        registers = MACHINE_REGISTERS.get(pending.architecture().name())
        if registers is None:
            return None
        pc, sp = (pending.read_register(name) for name in registers)
        if int(sp) != self.current_sp or int(pc) != self.current_pc:
            return None
        # A frame's caller has to lie above it, or gdb takes the stack for corrupt.
        below = gdb.Value(self.target - 16).cast(sp.type)
        info = pending.create_unwind_info(FrameId(below, pc))
        info.add_saved_register(registers[0], gdb.Value(self.resume).cast(pc.type))
        info.add_saved_register(registers[1], gdb.Value(self.target).cast(sp.type))
        return info

    @contextmanager
    def looking_at(self, stack_pointer):
        frame = gdb.newest_frame()
        registers = MACHINE_REGISTERS.get(frame.architecture().name())
        if registers is None:
            raise gdb.GdbError("yibu: suspended tasks cannot be unwound on this machine")
        self.current_pc = int(frame.read_register(registers[0]))
        self.current_sp = int(frame.read_register(registers[1]))
        self.resume = address_of_symbol("yb_switch_resume")
        self.target = stack_pointer
        gdb.invalidate_cached_frames()
        try:
            yield
        finally:
            self.target = None
            gdb.invalidate_cached_frames()


def address_of_symbol(name):
    try:
        return int(gdb.parse_and_eval(f"(unsigned long)&{name}"))
    except gdb.error as error:
        raise gdb.GdbError(f"yibu: {name} is not known: no symbols of Yibu? ({error})")


def pointer_to(type_name, value):
    try:
        return gdb.Value(int(value)).cast(gdb.lookup_type(type_name).pointer())
    except gdb.error as error:
        raise gdb.GdbError(f"yibu: {error}: no debugging symbols of Yibu?")


def slabs():
    block = pointer_to("struct yb_registry_block", address_of_symbol("yb_registry"))
    while int(block):
        places = block["places"]
        first, last = places.type.range()
        for i in range(first, last + 1):
            if int(places[i]):
                yield pointer_to("struct yb_slab", places[i])
        block = block["next"]


def owners():
    """What the stacks in use belong to."""
    for slab in slabs():
        for i in range(1, int(slab["carved"]) + 1):
            owner = slab["stacks"][i]["owner"]
            if int(owner):
                yield owner


def list_items(head, type_name, member):
    offset = next(f.bitpos // 8 for f in gdb.lookup_type(type_name).fields() if f.name == member)
    item = head["next"]
    while int(item) != int(head.address):
        yield pointer_to(type_name, int(item) - offset)
        item = item["next"]


def tasks():
    """Of every loop that has a stack in use, all tasks that have not ended."""
    part = int(gdb.parse_and_eval("(int)YB_PART_TASKS"))
    loops = {}
    for owner in owners():
        task = pointer_to("struct yb_task", owner)
        loops[int(task["future"]["loop"])] = task["future"]["loop"]
    for loop in loops.values():
        scheduler = pointer_to("struct yb_scheduler", loop["parts"][part])
        yield from list_items(scheduler["tasks"], "struct yb_task", "all")


def text_of(pointer, otherwise):
    return pointer.string(errors="replace") if int(pointer) else otherwise


def task_name(task):
    return text_of(task["name"], f"task-{int(task['id'])}")


def is_suspended(task):
    """Whether it has begun and is not on its stack."""
    begun = int(task["stack"]) != 0 and int(task["context"]["stack_pointer"]) != 0
    return begun and int(task["future"]["state"]) in (READY, SUSPENDED)


def current_frames():
    """How many frames gdb shows for the current one: what was inlined into it counts, too."""
    count, frame = 1, gdb.newest_frame()
    while frame.type() == gdb.INLINE_FRAME:
        count, frame = count + 1, frame.older()
    return count


def context_frames(stack_pointer):
    """gdb's backtrace of a context, numbered from its innermost frame."""
    with unwinder.looking_at(stack_pointer):
        current = current_frames()
        lines = gdb.execute("backtrace", to_string=True).splitlines()
    shown = []
    skipping = True  # the current frame, which is no part of it
    for line in lines:
        numbered = re.match(r"#(\d+) +(.*)", line)
        if numbered and int(numbered[1]) >= current:
            skipping = False
            line = f"#{int(numbered[1]) - current:<2} {numbered[2]}"
        if not skipping:
            shown.append(line)
    return shown


def waiting_place(task):
    """The public call that the task is in, and who made it."""
    call = None
    with unwinder.looking_at(int(task["context"]["stack_pointer"])):
        frame = gdb.newest_frame()
        for _ in range(current_frames()):
            frame = frame.older()
        while frame is not None and frame.is_valid():
            name = frame.name() or "?"
            where = frame.find_sal()
            file = where.symtab.filename if where.symtab else "?"
            if name.startswith("yibu_"):
                call = name
            elif not name.startswith("yb_") and not OWN_SOURCE.search(file):
                return f"{call or 'suspended'} in {name} at {file}:{where.line}"
            frame = frame.older()
    return call or ""


class InfoTasks(gdb.Command):
    """Lists the tasks of every loop: address, state, name, place of creation, what it waits in."""

    def __init__(self):
        super().__init__("info yibu-tasks", gdb.COMMAND_STATUS)

    def invoke(self, _argument, _from_tty):
        count = 0
        for task in tasks():
            count += 1
            place = waiting_place(task) if is_suspended(task) else "on its thread's stack"
            if int(task["stack"]) == 0:
                place = "not begun"
            print(
                f"{int(task):#x} {STATES.get(int(task['future']['state']), '?'):9} \"{task_name(task)}\" "
                f"created at {text_of(task['place'], '?')}: {place}"
            )
        print(f"{count} task{'' if count == 1 else 's'}")


class Backtrace(gdb.Command):
    """Prints the stack of a suspended task (default: of all).

    yibu-backtrace [TASK] | -context CONTEXT"""

    def __init__(self):
        super().__init__("yibu-backtrace", gdb.COMMAND_STACK)

    def invoke(self, argument, _from_tty):
        argument = argument.strip()
        if argument.startswith("-context"):
            context = gdb.parse_and_eval(argument[len("-context") :])
            self.print_context(pointer_to("struct yb_context", context).dereference())
        elif argument:
            self.print_task(pointer_to("struct yb_task", gdb.parse_and_eval(argument)))
        else:
            for task in tasks():
                self.print_task(task)

    @staticmethod
    def print_context(context):
        print("\n".join(context_frames(int(context["stack_pointer"]))))

    def print_task(self, task):
        state = STATES.get(int(task["future"]["state"]), "?")
        print(f"Task {int(task):#x} \"{task_name(task)}\" ({state}):")
        if is_suspended(task):
            self.print_context(task["context"])
        elif int(task["stack"]) == 0:
            print("has no stack")
        else:
            print("runs on a thread: see `thread apply all backtrace`")


unwinder = ContextUnwinder()
register_unwinder(None, unwinder, replace=True)
InfoTasks()
Backtrace()
