# Fails unless the programs LEFT and RIGHT print the same, and something.
foreach(side LEFT RIGHT)
  execute_process(COMMAND ${${side}} OUTPUT_VARIABLE output_${side} COMMAND_ERROR_IS_FATAL ANY)
endforeach()
if(NOT output_LEFT STREQUAL output_RIGHT OR output_LEFT STREQUAL "")
  message(FATAL_ERROR "${LEFT} prints\n${output_LEFT}\nand ${RIGHT}\n${output_RIGHT}")
endif()
