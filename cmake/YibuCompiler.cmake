# Language level, warnings and instrumentation, the same for every target of the tree.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()

# C++ compilers define _GNU_SOURCE themselves.
add_compile_definitions($<$<COMPILE_LANGUAGE:C>:_GNU_SOURCE=> YB_HAVE_IO_URING=$<BOOL:${YIBU_IO_URING}>)

set(c_only -Wstrict-prototypes -Wmissing-prototypes)
add_compile_options(
    "$<$<COMPILE_LANGUAGE:C,CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wundef;-Wvla;-Wformat=2;-Wcast-qual>"
    "$<$<COMPILE_LANGUAGE:C>:${c_only}>"
    "$<$<AND:$<COMPILE_LANGUAGE:C,CXX>,$<BOOL:${YIBU_WERROR}>>:-Werror>"
    # A frame larger than a stack's guard would otherwise step over it.
    "$<$<COMPILE_LANGUAGE:C,CXX>:-fstack-clash-protection>"
    # Messages that name a place in the source do not name the folder it was built in.
    "$<$<COMPILE_LANGUAGE:C,CXX>:-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=>"
    "$<$<CONFIG:Debug>:-fno-omit-frame-pointer>")
add_link_options(-Wl,-z,relro,-z,now)

if(YIBU_SANITIZE)
    add_compile_options(
        "$<$<COMPILE_LANGUAGE:C,CXX>:-fsanitize=${YIBU_SANITIZE};-fno-sanitize-recover=all;-fno-omit-frame-pointer>")
    add_link_options(-fsanitize=${YIBU_SANITIZE})
    if(YIBU_SANITIZE MATCHES "address")
        add_compile_definitions(YB_SANITIZE_ADDRESS=1)
    elseif(YIBU_SANITIZE MATCHES "thread")
        add_compile_definitions(YB_SANITIZE_THREAD=1)
    endif()
endif()
if(YIBU_VALGRIND)
    add_compile_definitions(YB_VALGRIND=1)
endif()
if(YIBU_COVERAGE)
    add_compile_options("$<$<COMPILE_LANGUAGE:C,CXX>:--coverage;-fprofile-update=atomic>")
    add_link_options(--coverage)
endif()
