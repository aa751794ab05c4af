# cmake -D COMPILER=... -D SOURCE=... -D INCLUDES=... -P must_fail.cmake
# SOURCE must compile, and must not compile with -DWRONG; the compiler's message must then match the regular expression
# in the first line of SOURCE: "// must fail: <expression>".
file(STRINGS ${SOURCE} first_line LIMIT_COUNT 1)
if(NOT first_line MATCHES "^// must fail: (.+)$")
  message(FATAL_ERROR "${SOURCE}: the first line must be \"// must fail: <regular expression>\"")
endif()
set(expected "${CMAKE_MATCH_1}")
list(TRANSFORM INCLUDES PREPEND -I)
set(ENV{LC_ALL} C)  # plain quotes, English words
set(command ${COMPILER} -std=c++20 -fsyntax-only ${INCLUDES} ${SOURCE})

execute_process(COMMAND ${command} RESULT_VARIABLE status ERROR_VARIABLE errors)
if(NOT status EQUAL 0)
  message(FATAL_ERROR "${SOURCE} must compile without WRONG, but:\n${errors}")
endif()
execute_process(COMMAND ${command} -DWRONG RESULT_VARIABLE status ERROR_VARIABLE errors)
if(status EQUAL 0)
  message(FATAL_ERROR "${SOURCE} compiles with WRONG, and must not")
endif()
if(NOT errors MATCHES "${expected}")
  message(FATAL_ERROR "${SOURCE} fails, but not with \"${expected}\":\n${errors}")
endif()
