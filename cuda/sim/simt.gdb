# The simulator's CUDA threads in gdb, for a build with -g: source cuda/sim/simt.gdb
# A CUDA thread that waits is a fiber. Its registers lie on its stack in the order in which simt_switch pushes them.
set $simt_away = 0

define cuda-here
  printf "thread (%u, %u, %u) of block (%u, %u, %u)\n", threadIdx.x, threadIdx.y, threadIdx.z, blockIdx.x, blockIdx.y, blockIdx.z
end
document cuda-here
Say which CUDA thread of which block runs.
end

define cuda-threads
  set $simt_block = 'simt::(anonymous namespace)::current_block'
  set $simt_i = 0
  set $simt_from = 0
  set $simt_last_state = -1
  set $simt_last_line = 0
  while $simt_i < $simt_block->threads_
    set $simt_fiber = &$simt_block->fibers_._M_impl._M_start[$simt_i]
    # Fiber::State: 0 ready, 1 at a barrier, 2 in a collective of its warp, 3 ended; and 4 not begun, 5 running.
    set $simt_state = (int)$simt_fiber->state
    if $simt_state == 0 && $simt_fiber->stack == -1
      set $simt_state = 4
    end
    if $simt_i == $simt_block->running_
      set $simt_state = 5
    end
    set $simt_line = 0
    if $simt_state == 1 || $simt_state == 2
      set $simt_line = $simt_fiber->place.line
    end
    if $simt_i > 0 && ($simt_state != $simt_last_state || $simt_line != $simt_last_line)
      simt-say
      set $simt_from = $simt_i
    end
    set $simt_last_state = $simt_state
    set $simt_last_line = $simt_line
    set $simt_last = $simt_fiber
    set $simt_i = $simt_i + 1
  end
  simt-say
end
document cuda-threads
List the CUDA threads of this block: what they do, and where they wait.
end

define simt-say
  printf "%4d to %4d  ", $simt_from, $simt_i - 1
  if $simt_last_state == 0
    printf "may go on\n"
  end
  if $simt_last_state == 1 || $simt_last_state == 2
    printf "wait in %s, line %d\n", $simt_last->what, $simt_last_line
  end
  if $simt_last_state == 3
    printf "ended\n"
  end
  if $simt_last_state == 4
    printf "not begun\n"
  end
  if $simt_last_state == 5
    printf "running\n"
  end
end
document simt-say
A line of cuda-threads.
end

define cuda-thread
  set $simt_block = 'simt::(anonymous namespace)::current_block'
  set $simt_fiber = &$simt_block->fibers_._M_impl._M_start[$arg0]
  if $simt_fiber->stack == -1 || $arg0 == $simt_block->running_
    printf "thread %d does not wait\n", $arg0
  else
    select-frame 0
    if !$simt_away
      set $simt_rsp = $rsp
      set $simt_rbp = $rbp
      set $simt_rbx = $rbx
      set $simt_r12 = $r12
      set $simt_r13 = $r13
      set $simt_r14 = $r14
      set $simt_r15 = $r15
      set $simt_rip = $rip
      set $simt_away = 1
    end
    set $simt_context = (unsigned long *)$simt_fiber->context
    set $r15 = $simt_context[0]
    set $r14 = $simt_context[1]
    set $r13 = $simt_context[2]
    set $r12 = $simt_context[3]
    set $rbx = $simt_context[4]
    set $rbp = $simt_context[5]
    set $rip = $simt_context[6]
    set $rsp = $simt_context + 7
  end
end
document cuda-thread
cuda-thread N: look at the stack of thread N of this block, which waits; then cuda-back, before the program goes on.
threadIdx stays that of the thread that runs.
end

define cuda-back
  if $simt_away
    select-frame 0
    set $rsp = $simt_rsp
    set $rbp = $simt_rbp
    set $rbx = $simt_rbx
    set $r12 = $simt_r12
    set $r13 = $simt_r13
    set $r14 = $simt_r14
    set $r15 = $simt_r15
    set $rip = $simt_rip
    set $simt_away = 0
  end
end
document cuda-back
Look at the running thread again.
end
