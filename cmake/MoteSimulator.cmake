# Compiles .cu files as C++ against the simulator's headers: mote_simulate_kernels(<file>...). CUDA code may look at
# memory through several types, as nvcc allows.
function(mote_simulate_kernels)
  set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS
                              "-x;c++;-fno-strict-aliasing;-Wno-unknown-pragmas")
endfunction()

# The same for a CHECKED object library, which calls the checker at every access to memory, or a plain one.
function(mote_simulated_kernels target)
  cmake_parse_arguments(PARSE_ARGV 1 arg CHECKED "" SOURCES)
  add_library(${target} OBJECT ${arg_SOURCES})
  target_compile_features(${target} PRIVATE cxx_std_20)
  mote_simulate_kernels(${arg_SOURCES})
  if(arg_CHECKED)
    target_compile_options(${target} PRIVATE -fsanitize=thread -Wno-tsan --param=tsan-instrument-func-entry-exit=0)
    target_link_libraries(${target} PRIVATE mote_simt_checked)
  else()
    target_link_libraries(${target} PRIVATE mote_simt)
  endif()
  mote_own_code(${target})
endfunction()
