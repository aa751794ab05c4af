# How mote's own targets are compiled. Nothing here reaches a consumer: flags are PRIVATE, or of this directory.
set(CMAKE_CXX_EXTENSIONS OFF)

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug, RelWithDebInfo or MinSizeRel" FORCE)
  endif()
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
  find_program(MOTE_CCACHE ccache)
  mark_as_advanced(MOTE_CCACHE)
  if(MOTE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    # Debug information names the build folder; another build folder of the same sources may still share the cache.
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_NOHASHDIR=1 ${MOTE_CCACHE})
  endif()
endif()

if(MOTE_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

# Warnings for a target of mote's own. Under the sanitizers g++ takes values in the standard library's own headers for
# uninitialized (gcc.gnu.org/PR105562), and g++ 12 is wrong about restrict in operator+ of std::string (PR105651).
function(mote_own_code target)
  target_compile_options(
    ${target}
    PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;$<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>>
            $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra>
            $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${MOTE_WERROR}>>:-Werror>
            $<$<AND:$<BOOL:${MOTE_SANITIZE}>,$<CXX_COMPILER_ID:GNU>>:-Wno-maybe-uninitialized>)
endfunction()
