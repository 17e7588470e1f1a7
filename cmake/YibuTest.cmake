# yb_add_test(NAME name SOURCES file… [LIBS target…] [LABELS label…] [ENV VAR=value…] [ARGS arg…]
#             [TIMEOUT seconds] [ONE_BACKEND] [SERIAL] [WITHOUT instrument…])
#
# Builds one cmocka program, linked to the static core, that may include internal headers, and
# registers it once a backend as NAME.epoll and NAME.io_uring with YIBU_BACKEND set. ONE_BACKEND
# registers it once, as NAME, for what never touches a loop. SERIAL keeps other tests away while it
# runs. WITHOUT names the instruments (asan, tsan, valgrind) under which it cannot run, and the
# place that says so says why. Labels: the folders below tests/ that it is in, and LABELS. TIMEOUT
# is that of a plain build (60 by default) and is stretched where instrumentation or emulation slows
# the program; the program knows how much by YB_TEST_SLOWDOWN.

set(YB_TEST_INSTRUMENT "")
set(YB_TEST_LAUNCHER "")
set(YB_TEST_SLOWDOWN 1)
# ThreadSanitizer has a program with threads sleep for a second at its end, to see what they do then.
set(YB_TEST_ENVIRONMENT
    "ASAN_OPTIONS=detect_stack_use_after_return=0:strict_string_checks=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=second_deadlock_stack=1:die_after_fork=0:atexit_sleep_ms=50:suppressions=${PROJECT_SOURCE_DIR}/tests/support/tsan.supp")
if(YIBU_VALGRIND)
    set(YB_TEST_INSTRUMENT valgrind)
    set(YB_TEST_SLOWDOWN 10)
    set(YB_TEST_LAUNCHER
        valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite
        --num-callers=30 --fair-sched=yes
        --suppressions=${PROJECT_SOURCE_DIR}/tests/support/valgrind.supp)
elseif(YIBU_SANITIZE)
    set(YB_TEST_INSTRUMENT asan)
    set(YB_TEST_SLOWDOWN 3)
    if(YIBU_SANITIZE MATCHES "thread")
        set(YB_TEST_INSTRUMENT tsan)
        # GCC 12's runtime cannot map its shadow where the kernel randomises 32 bits of mmap.
        set(YB_TEST_LAUNCHER setarch --addr-no-randomize)
    endif()
elseif(CMAKE_CROSSCOMPILING)
    set(YB_TEST_SLOWDOWN 10)
    set(YB_TEST_LAUNCHER ${CMAKE_CROSSCOMPILING_EMULATOR})
endif()

set(YB_TEST_BACKENDS epoll)
if(YIBU_IO_URING)
    list(APPEND YB_TEST_BACKENDS io_uring)
endif()

if(YIBU_TESTS)
    pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)
    # Debian's, which its packages of modules belong to.
    find_program(YB_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH)
    if(NOT YB_PYTHON)
        find_program(YB_PYTHON NAMES python3 REQUIRED)
    endif()
endif()

# For scripts, which start the programs themselves: in their TEST_LAUNCHER.
string(REPLACE ";" " " YB_TEST_LAUNCHER_TEXT "${YB_TEST_LAUNCHER}")

# The labels a folder gives: tests/unit/sync gives "unit;sync".
function(yb_folder_labels output)
    cmake_path(RELATIVE_PATH CMAKE_CURRENT_SOURCE_DIR BASE_DIRECTORY ${PROJECT_SOURCE_DIR}/tests
               OUTPUT_VARIABLE folder)
    string(REPLACE "/" ";" labels "${folder}")
    list(REMOVE_ITEM labels . ..)
    set(${output} ${labels} PARENT_SCOPE)
endfunction()

function(yb_add_test)
    if(NOT YIBU_TESTS)
        return()
    endif()
    cmake_parse_arguments(
        PARSE_ARGV 0 arg "ONE_BACKEND;SERIAL" "NAME;TIMEOUT"
        "SOURCES;LIBS;LABELS;ENV;ARGS;WITHOUT")
    if(YB_TEST_INSTRUMENT AND YB_TEST_INSTRUMENT IN_LIST arg_WITHOUT)
        return()
    endif()
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    math(EXPR timeout "${arg_TIMEOUT} * ${YB_TEST_SLOWDOWN}")
    yb_folder_labels(labels)

    set(target test_${arg_NAME})
    add_executable(${target} ${arg_SOURCES})
    if(YIBU_VALGRIND)
        target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/valgrind_stack.c)
    endif()
    target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src
                                                 ${PROJECT_SOURCE_DIR}/tests/support)
    target_compile_definitions(${target} PRIVATE YB_TEST_SLOWDOWN=${YB_TEST_SLOWDOWN})
    target_link_libraries(${target} PRIVATE ${arg_LIBS} yibu_static PkgConfig::cmocka
                                            Threads::Threads)

    if(arg_ONE_BACKEND)
        set(runs ${arg_NAME})
    else()
        list(TRANSFORM YB_TEST_BACKENDS PREPEND ${arg_NAME}. OUTPUT_VARIABLE runs)
    endif()
    foreach(run IN LISTS runs)
        add_test(NAME ${run} COMMAND ${YB_TEST_LAUNCHER} $<TARGET_FILE:${target}> ${arg_ARGS})
        set(environment ${YB_TEST_ENVIRONMENT} ${arg_ENV})
        if(NOT arg_ONE_BACKEND)
            cmake_path(GET run EXTENSION LAST_ONLY backend)
            string(REGEX REPLACE "^\\." "YIBU_BACKEND=" backend ${backend})
            list(APPEND environment ${backend})
        endif()
        set_tests_properties(
            ${run}
            PROPERTIES TIMEOUT ${timeout}
                       LABELS "${labels};${arg_LABELS}"
                       ENVIRONMENT "${environment}"
                       RUN_SERIAL ${arg_SERIAL}
                       SKIP_RETURN_CODE 77)
    endforeach()
endfunction()

# yb_add_check(NAME name COMMAND … [TIMEOUT seconds] [LABELS …]): a test that is a script, run as is.
function(yb_add_check)
    if(NOT YIBU_TESTS)
        return()
    endif()
    cmake_parse_arguments(PARSE_ARGV 0 arg "SERIAL" "NAME;TIMEOUT" "COMMAND;LABELS;ENV")
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    yb_folder_labels(labels)
    add_test(NAME ${arg_NAME} COMMAND ${arg_COMMAND} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(
        ${arg_NAME}
        PROPERTIES TIMEOUT ${arg_TIMEOUT}
                   LABELS "${labels};${arg_LABELS}"
                   ENVIRONMENT "${arg_ENV}"
                   RUN_SERIAL ${arg_SERIAL}
                   SKIP_RETURN_CODE 77)
endfunction()
