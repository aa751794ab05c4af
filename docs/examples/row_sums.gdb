# The session of docs/simulator.md, run from the root of the tree.
source cuda/sim/simt.gdb
set environment SIMT_WORKERS 1
break row_sums if blockIdx.x == 1 && threadIdx.x == 32
run
cuda-here
print gridDim
next
print sum
next
print sum
cuda-threads
next
print warp_sums
next
cuda-here
cuda-threads
cuda-thread 0
frame function row_sums
print sum
cuda-back
cuda-here
continue
