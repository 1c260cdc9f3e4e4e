# The operators between two terms: their table, their types, their code, and what they make of constants.

# find_operator: the row of the table for sign rdi, or 0
find_operator:
  mov rax, operators
.row:
  cmp [rax+op_sign], 0
  je .none
  cmp rdi, [rax+op_sign]
  je .done
  add rax, op_bytes
  jmp .row
.none:
  mov rax, 0
.done:
  ret

# The operators. What is between the labels is put into the program; on two constants it is run at once.
operators:
  dq 0x7c7c, 1, 0, 0, 4                         # ||
  dq 0x2626, 2, 0, 0, 4                         # &&
  dq '|', 3, op_or, op_or_end, 0
  dq '^', 4, op_xor, op_xor_end, 0
  dq '&', 5, op_and, op_and_end, 0
  dq 0x3d3d, 6, op_equal, op_equal + 3, 1       # ==
  dq 0x3d21, 6, op_differ, op_differ + 3, 1     # !=
  dq '<', 7, op_less, op_less + 3, 1
  dq 0x3d3c, 7, op_most, op_most + 3, 1         # <=
  dq '>', 7, op_more, op_more + 3, 1
  dq 0x3d3e, 7, op_least, op_least + 3, 1       # >=
  dq 0x3c3c, 8, op_left, op_left_end, 0         # <<
  dq 0x3e3e, 8, op_right, op_right_end, 0       # >>
  dq '+', 9, op_add, op_add_end, 2
  dq '-', 9, op_subtract, op_subtract_end, 3
  dq '*', 10, op_times, op_times_end, 0
  dq '/', 10, op_divide, op_divide_end, 0
  dq '%', 10, op_rest, op_rest_end, 0
  dq 0
op_or:
  or rax, rcx
op_or_end:
  ret
op_xor:
  xor rax, rcx
op_xor_end:
  ret
op_and:
  and rax, rcx
op_and_end:
  ret
op_equal:                       # of a comparison, the cmp is put; the condition becomes that of k_flags
  cmp rax, rcx
  sete al
  movzx rax, al
  ret
op_differ:
  cmp rax, rcx
  setne al
  movzx rax, al
  ret
op_less:
  cmp rax, rcx
  setl al
  movzx rax, al
  ret
op_most:
  cmp rax, rcx
  setle al
  movzx rax, al
  ret
op_more:
  cmp rax, rcx
  setg al
  movzx rax, al
  ret
op_least:
  cmp rax, rcx
  setge al
  movzx rax, al
  ret
op_left:
  shl rax, cl
op_left_end:
  ret
op_right:
  sar rax, cl
op_right_end:
  ret
op_add:
  add rax, rcx
op_add_end:
  ret
op_subtract:
  sub rax, rcx
op_subtract_end:
  ret
op_times:
  imul rax, rcx
op_times_end:
  ret
op_divide:
  cqo
  idiv rcx
op_divide_end:
  ret
op_rest:
  cqo
  idiv rcx
  mov rax, rdx
op_rest_end:
  ret

# combine: the left side [left_…] and the right side, the expression, under [operator]. The left side is a k_number, or
# a value that was pushed by the last byte before [left_end].
combine:
  cmp rbx, type_void
  je value                      # says why not
  mov r9, rbx                   # r8, r9: the types of both sides as values
  cmp r9, type_char
  jne .wide
  mov r9, type_long
.wide:
  mov r8, [left_type]
  mov [result_type], type_long
  mov [scale_left], 1
  mov [scale_right], 1
  mov [scale_result], 1
  mov r10, [operator]
  mov rax, [r10+op_class]
  cmp rax, 1
  je .comparison
  cmp rax, 2
  je .plus
  cmp rax, 3
  je .minus
.numbers:
  cmp r8, type_long
  jne .no_number
  cmp r9, type_long
  je .typed
.no_number:
  call fail
  db "this operator takes numbers only", 0
.comparison:
  cmp r8, r9
  je .alike
  cmp r8, type_long
  je .left_null
  mov rdi, r8
  cmp r9, type_void + 1
  je .left_pointer
  call assignable
  jmp .typed
.left_pointer:
  and r8, 15
  jne .typed
  jmp .no_number
.left_null:                     # 0 and a pointer
  cmp [left_kind], k_number
  jne .uneven
  cmp [left_number], 0
  jne .uneven
  and r9, 15
  jne .typed
.uneven:
  call fail
  db "a number and a pointer are compared", 0
.alike:
  call .scalar
  jmp .typed
.scalar:                        # refuses r8 if it is a struct
  cmp r8, type_long
  je .is_scalar
  mov rax, r8
  and rax, 15
  je .no_number
.is_scalar:
  ret
.plus:
  mov rax, r8
  and rax, 15
  jne .pointer_first
  mov rax, r9
  and rax, 15
  je .numbers
  cmp r8, type_long
  jne .no_number
  mov [result_type], r9
  lea rdi, [r9-1]
  call size_of
  mov [scale_left], rax
  jmp .typed
.minus:
  mov rax, r8
  and rax, 15
  je .numbers
  cmp r8, r9
  je .distance
.pointer_first:
  cmp r9, type_long
  jne .no_number
  mov [result_type], r8
  lea rdi, [r8-1]
  call size_of
  mov [scale_right], rax
  jmp .typed
.distance:
  lea rdi, [r8-1]
  call size_of
  mov [scale_result], rax
.typed:

# the types are in order; now the code
  cmp r12, k_number
  jne .right_runs
  mov rax, [scale_right]
  imul rbp, rax
  mov [scale_right], 1
  cmp [left_kind], k_number
  jne .right_simple
  mov rax, [left_number]        # both constant
  mov rcx, [scale_left]
  imul rax, rcx
  call fold
  mov rbp, rax
  mov rbx, [result_type]
  ret
.right_runs:
  cmp [left_kind], k_number
  jne .both_run
  call value                    # left constant: rax is the right side yet
  mov rdi, .copied
  call put
  mov rcx, rax
.copied:
  call .scale_second
  mov rax, [left_number]
  mov rcx, [scale_left]
  imul rax, rcx
  mov rbp, rax
  mov rbx, type_long
  mov r12, k_number
  call value
  jmp .operate
.both_run:
  cmp r12, k_local
  je .right_simple
  cmp r12, k_global
  je .right_simple
.right_computed:
  call value
  mov rdi, .moved
  call put
  mov rcx, rax
  pop rax
.moved:
  jmp .both_ready
.right_simple:                  # nothing was put since the push: then it is not needed
  cmp r15, [left_end]
  jne .right_computed
  sub r15, 1
  call value_second
.both_ready:
  call .scale_second
  mov rax, [scale_left]
  cmp rax, 1
  je .operate
  mov rbp, rax
  mov rdi, .after_1
  call put
  mov rdx, 0
.after_1:
  call fill_number
  mov rdi, .operate
  call put
  imul rax, rdx
.operate:
  mov r10, [operator]
  mov rsi, [r10+op_begin]
  mov rdi, [r10+op_end]
  cmp [r10+op_class], 1
  je .compare
  call put_range
  mov rbx, [result_type]
  mov r12, k_value
  mov rax, [scale_result]
  cmp rax, 1
  je .done
  mov rbp, rax
  mov rdi, .after_2
  call put
  mov rcx, 0
.after_2:
  call fill_number
  mov rsi, op_divide
  mov rdi, op_divide_end
  jmp put_range
.compare:
  movzx rbp, byte [rdi+1]       # the second byte of setCC, after the cmp
  and rbp, 15
  call put_range
  mov rbx, type_long
  mov r12, k_flags
.done:
  ret
.scale_second:                  # rcx of the program times [scale_right]
  mov rax, [scale_right]
  cmp rax, 1
  je .done
  mov rbp, rax
  mov rdi, .after_3
  call put
  mov rdx, 0
.after_3:
  call fill_number
  mov rdi, .after_4
  call put
  imul rcx, rdx
.after_4:
  ret

# fold: the operator on constants rax and rbp, into rax
fold:
  mov rcx, rbp
  mov r10, [operator]
  mov rdx, [r10+op_sign]
  cmp rdx, '/'
  je .divide
  cmp rdx, '%'
  je .divide
  mov rdx, [r10+op_begin]
  call rdx
.scale:
  mov rcx, [scale_result]
  cmp rcx, 1
  je .done
  jmp op_divide
.divide:
  cmp rcx, 0
  je .zero
  cmp rcx, -1
  je .minus                     # the processor traps on the smallest number divided by -1
  mov rdx, [r10+op_begin]
  call rdx
.done:
  ret
.minus:
  neg rax
  cmp rdx, '/'
  je .done
  mov rax, 0
  ret
.zero:
  call fail
  db "a constant is divided by zero", 0
