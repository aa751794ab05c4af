# The kernels use asynchronous copies and bfloat16 on tensor cores, which ptxas refuses for cards below sm_80 without
# saying why.
#
# mote_check_cuda_architectures(<CMAKE_CUDA_ARCHITECTURES> <what "native" stands for>)
function(mote_check_cuda_architectures architectures native)
  foreach(architecture ${architectures})
    set(named ${architecture})
    if(architecture STREQUAL "native")
      set(named ${native})
    elseif(architecture MATCHES "^all")
      set(named 50)
    endif()
    foreach(each ${named})
      if(each MATCHES "^([0-9]+)" AND CMAKE_MATCH_1 LESS 80)
        message(FATAL_ERROR "CMAKE_CUDA_ARCHITECTURES=${architectures}: ${architecture} includes cards below compute "
                            "capability 8.0, but mote's kernels need sm_80 or later; configure with "
                            "-DCMAKE_CUDA_ARCHITECTURES=80 (or 90a, ...), or with -DMOTE_CUDA=SIM or OFF")
      endif()
    endforeach()
  endforeach()
endfunction()
