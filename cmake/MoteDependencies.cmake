# What the library needs. All of it is private: no public header includes any of it.
find_package(fmt REQUIRED)
find_package(OpenMP REQUIRED COMPONENTS CXX)
find_package(nlohmann_json REQUIRED)
find_package(OneDNN REQUIRED)
find_package(Highway REQUIRED)
find_package(OpenBLAS REQUIRED MODULE)

set(MOTE_DEPENDENCIES fmt::fmt OpenMP::OpenMP_CXX nlohmann_json::nlohmann_json OneDNN::OneDNN Highway::Highway
                      OpenBLAS::OpenBLAS)

# Kernels are compiled once for each of SSE4, AVX2 and AVX-512 and chosen when the program runs. Highway would add
# SSSE3 and a scalar form, which no CPU of the last fifteen years would take.
set(MOTE_HIGHWAY_DEFINITIONS)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set(MOTE_HIGHWAY_DEFINITIONS HWY_BASELINE_TARGETS=HWY_SSE4 HWY_DISABLED_TARGETS=HWY_SSSE3)
endif()
