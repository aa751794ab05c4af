# What the library needs. All of it is private: no public header includes any of it.
find_package(fmt REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(nlohmann_json REQUIRED)
find_package(OneDNN REQUIRED)
find_package(Highway REQUIRED)
find_package(OpenBLAS REQUIRED MODULE)

# Header-only ones are of no concern to whoever links the installed archive. OpenMP's run-time library is exported by
# its name: it must be the one that mote was compiled for, whatever compiler the consumer uses.
set(mote_openmp_runtime ${OpenMP_CXX_LIB_NAMES})
list(REMOVE_ITEM mote_openmp_runtime pthread)
set(MOTE_DEPENDENCIES
    fmt::fmt OneDNN::OneDNN Highway::Highway OpenBLAS::OpenBLAS $<BUILD_INTERFACE:nlohmann_json::nlohmann_json>
    $<BUILD_INTERFACE:OpenMP::OpenMP_CXX> "$<INSTALL_INTERFACE:${mote_openmp_runtime}>")

# Kernels are compiled once for each of SSE4, AVX2 and AVX-512 and chosen when the program runs. Highway would add
# SSSE3 and a scalar form, which no CPU of the last fifteen years would take.
set(MOTE_HIGHWAY_DEFINITIONS)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set(MOTE_HIGHWAY_DEFINITIONS HWY_BASELINE_TARGETS=HWY_SSE4 HWY_DISABLED_TARGETS=HWY_SSSE3)
endif()
