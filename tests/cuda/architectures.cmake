# cmake -DMODULE=<MoteCudaArchitectures.cmake> -DARCHITECTURES=<with commas> -DNATIVE=... -P architectures.cmake
cmake_minimum_required(VERSION 3.22)
include(${MODULE})
string(REPLACE "," ";" ARCHITECTURES "${ARCHITECTURES}")
mote_check_cuda_architectures("${ARCHITECTURES}" "${NATIVE}")
message(STATUS "accepted")
