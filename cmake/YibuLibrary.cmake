# How a library of this project is built, exported and installed: the core and every extension alike.

set(YIBU_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Yibu)
find_package(PkgConfig REQUIRED)
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)

# Sets what the shared and the static form of one library have in common.
#   yb_finish_library(OUTPUT yibu SHARED target STATIC target EXPORT set MAP file)
function(yb_finish_library)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "OUTPUT;SHARED;STATIC;EXPORT;MAP" "")
    set_target_properties(
        ${arg_SHARED} ${arg_STATIC}
        PROPERTIES OUTPUT_NAME ${arg_OUTPUT} POSITION_INDEPENDENT_CODE ON)
    set_target_properties(
        ${arg_SHARED}
        PROPERTIES VERSION ${PROJECT_VERSION}
                   SOVERSION ${PROJECT_VERSION_MAJOR}
                   LINK_DEPENDS ${arg_MAP})
    target_link_options(${arg_SHARED} PRIVATE -Wl,--version-script=${arg_MAP})
    if(NOT YIBU_SANITIZE)
        target_link_options(${arg_SHARED} PRIVATE -Wl,--no-undefined)
    endif()
    foreach(target IN ITEMS ${arg_SHARED} ${arg_STATIC})
        target_include_directories(
            ${target} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    endforeach()
    install(
        TARGETS ${arg_SHARED} ${arg_STATIC}
        EXPORT ${arg_EXPORT}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
    install(EXPORT ${arg_EXPORT} FILE ${arg_EXPORT}.cmake NAMESPACE Yibu:: DESTINATION ${YIBU_PACKAGE_DIR})
endfunction()

# The .pc file finds its prefix from its own place, so that an installed tree can be moved.
function(yb_install_pkgconfig template output)
    cmake_path(
        RELATIVE_PATH CMAKE_INSTALL_PREFIX
        BASE_DIRECTORY ${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/pkgconfig
        OUTPUT_VARIABLE YB_PC_PREFIX)
    configure_file(${template} ${CMAKE_CURRENT_BINARY_DIR}/${output} @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${output}
            DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

# An extension: a library of its own over the core's public interface, libyibu-NAME.
#   yb_add_library(NAME curl SOURCES a.c … [LIBS PkgConfig::X …] [PKG libcurl …])
# LIBS are CMake targets or library names; PKG the pkg-config modules those come from, found here.
# Gives Yibu::NAME and Yibu::NAME_static, yibu-NAME.pc and the package's component NAME.
function(yb_add_library)
    cmake_parse_arguments(PARSE_ARGV 0 arg "" "NAME" "SOURCES;LIBS;PKG")
    set(base yibu_${arg_NAME})
    foreach(module IN LISTS arg_PKG)
        pkg_check_modules(${module} REQUIRED IMPORTED_TARGET GLOBAL ${module})
        list(APPEND arg_LIBS PkgConfig::${module})
    endforeach()
    list(REMOVE_DUPLICATES arg_LIBS)

    foreach(kind IN ITEMS SHARED STATIC)
        string(TOLOWER ${kind} suffix)
        add_library(${base}_${suffix} ${kind} ${arg_SOURCES})
        target_link_libraries(${base}_${suffix} PUBLIC yibu_${suffix} ${arg_LIBS})
    endforeach()
    set_target_properties(${base}_shared PROPERTIES EXPORT_NAME ${arg_NAME}_shared)
    set_target_properties(${base}_static PROPERTIES EXPORT_NAME ${arg_NAME}_static)
    add_library(Yibu::${arg_NAME}_static ALIAS ${base}_static)
    if(YIBU_SHARED)
        add_library(Yibu::${arg_NAME} ALIAS ${base}_shared)
    else()
        add_library(Yibu::${arg_NAME} ALIAS ${base}_static)
    endif()

    yb_finish_library(
        OUTPUT yibu-${arg_NAME}
        SHARED ${base}_shared
        STATIC ${base}_static
        EXPORT Yibu_${arg_NAME}
        MAP ${PROJECT_SOURCE_DIR}/cmake/extension.map)
    set(YB_NAME ${arg_NAME})
    string(REPLACE ";" " " YB_REQUIRES "${arg_PKG}")
    yb_install_pkgconfig(${PROJECT_SOURCE_DIR}/cmake/extension.pc.in yibu-${arg_NAME}.pc)
    set_property(GLOBAL APPEND PROPERTY YB_COMPONENTS ${arg_NAME})
    set_property(GLOBAL APPEND PROPERTY YB_COMPONENT_MODULES ${arg_PKG})
endfunction()

# Headers, documents and the CMake package; called last, when every component is known.
function(yb_install_package)
    include(CMakePackageConfigHelpers)
    get_property(YB_COMPONENTS GLOBAL PROPERTY YB_COMPONENTS)
    get_property(YB_COMPONENT_MODULES GLOBAL PROPERTY YB_COMPONENT_MODULES)
    configure_package_config_file(
        ${PROJECT_SOURCE_DIR}/cmake/YibuConfig.cmake.in ${PROJECT_BINARY_DIR}/YibuConfig.cmake
        INSTALL_DESTINATION ${YIBU_PACKAGE_DIR})
    write_basic_package_version_file(
        ${PROJECT_BINARY_DIR}/YibuConfigVersion.cmake COMPATIBILITY SameMinorVersion)
    install(FILES ${PROJECT_BINARY_DIR}/YibuConfig.cmake
                  ${PROJECT_BINARY_DIR}/YibuConfigVersion.cmake
            DESTINATION ${YIBU_PACKAGE_DIR})
    if(EXISTS ${PROJECT_SOURCE_DIR}/include)
        install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    endif()
    foreach(document IN ITEMS README.md README.zh-CN.md CHANGELOG.md LICENSE docs)
        if(IS_DIRECTORY ${PROJECT_SOURCE_DIR}/${document})
            install(DIRECTORY ${PROJECT_SOURCE_DIR}/${document}/
                    DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md"
                    PATTERN "*.svg")
        elseif(EXISTS ${PROJECT_SOURCE_DIR}/${document})
            install(FILES ${PROJECT_SOURCE_DIR}/${document} DESTINATION ${CMAKE_INSTALL_DOCDIR})
        endif()
    endforeach()
endfunction()
