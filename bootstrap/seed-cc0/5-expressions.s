# Expressions. Each function reads one, puts its code, and leaves in r12, rbx, rbp what it is.

# deeper: refuses sources nested so deep that the stack would end
deeper:
  cmp rsp, [stack_limit]
  jb .deep
  ret
.deep:
  call fail
  db "nested too deeply", 0

# expression = assignment = choice [ ( "=" | "+=" | … ) assignment ]
expression:
  call deeper
  call choice
  cmp r13, '='
  je .plain
  mov rax, assigning
.find:
  mov rcx, [rax]
  test rcx, rcx
  je .done
  cmp rcx, r13
  je .compound
  add rax, 16
  jmp .find
.done:
  ret
.plain:
  call object
  cmp r12, k_indirect
  jne .pushed
  mov rdi, .pushed
  call put
  push rax
.pushed:
  push r12
  push rbx
  push rbp
  call next
  call expression
  mov rdi, [rsp+8]
  call assignable
  call value
  pop rbp
  pop rbx
  pop r12
  cmp r12, k_indirect
  jne store
  jmp .pop
.compound:
  mov rdi, [rax+8]
  call find_operator
  push rax
  call object
  push r12
  push rbx
  push rbp
  cmp r12, k_indirect
  jne .address_pushed
  mov rdi, .address_pushed
  call put
  push rax
.address_pushed:
  call value
  mov rdi, .left_pushed
  call put
  push rax
.left_pushed:
  push rbx
  push r15
  call next
  call expression
  pop rax
  mov [left_end], rax
  pop rax
  mov [left_type], rax
  mov [left_kind], k_value
  mov rax, [rsp+24]
  mov [operator], rax
  call combine
  mov rdi, [rsp+8]
  call assignable
  call value
  pop rbp
  pop rbx
  pop r12
  pop rax
  cmp r12, k_indirect
  jne store
.pop:                           # the address comes back
  mov rdi, .popped
  call put
  pop rcx
.popped:
  jmp store

# what an assigning sign does before it stores
assigning: dq 0x3d2b, '+', 0x3d2d, '-', 0x3d2a, '*', 0x3d2f, '/', 0x3d25, '%', 0x3d26, '&', 0x3d7c, '|', 0x3d5e, '^'
           dq 0x3d3c3c, 0x3c3c, 0x3d3e3e, 0x3e3e, 0

# object: refuses all that cannot be assigned to
object:
  cmp r12, k_local
  je loaded
  cmp r12, k_global
  je loaded
  cmp r12, k_indirect
  je loaded
  call fail
  db "this cannot be assigned to", 0

# assignable: refuses an expression whose type does not fit an object of type rdi
assignable:
  mov rax, rdi
  cmp rax, type_char
  jne .wide
  mov rax, type_long
.wide:
  mov rcx, rbx
  cmp rcx, type_char
  jne .wide_too
  mov rcx, type_long
.wide_too:
  cmp rcx, type_void
  je .void
  cmp rax, rcx
  je .fits
  mov rdx, rax
  and rdx, 15
  je .differ
  cmp rcx, type_long
  je .null
  cmp rax, type_void + 1
  je .any
  cmp rcx, type_void + 1
  je .fits
.differ:
  call fail
  db "the types differ here", 0
.any:
  and rcx, 15
  jne .fits
  jmp .differ
.null:                          # 0 is a pointer of every type
  cmp r12, k_number
  jne .differ
  cmp rbp, 0
  jne .differ
.fits:
  ret
.void:
  call fail
  db "this has no value", 0

# choice = binary [ "?" expression ":" choice ]
choice:
  mov rdi, 1
  call binary
  cmp r13, '?'
  je .choice
  ret
.choice:
  push r12                      # the condition: [rsp+32] kind, [rsp+24] number, [rsp+16] where its code ends,
  push rbp
  push r15
  call flags
  mov rdi, 1
  call put_branch
  push rax                      # [rsp+8] the jump to the second side
  call next
  call expression
  mov rdi, ':'
  call wanted
  push r12                      # [rsp+32] kind of the first side, [rsp+24] type, [rsp+16] number,
  push rbx
  push rbp
  call .side
  call put_jump
  push rax                      # [rsp+8] the jump to the end
  push rbx                      # [rsp] its type as a value
  mov rdi, [rsp+40]
  call aim_here
  call deeper
  call choice
  cmp r12, k_number             # all three constant: nothing of that is needed
  jne .differs
  cmp [rsp+32], k_number
  jne .differs
  cmp [rsp+64], k_number
  jne .differs
  call .type
  mov r15, [rsp+48]
  cmp [rsp+56], 0
  je .taken
  mov rbp, [rsp+16]
.taken:
  mov rbx, [result_type]
  jmp .end
.differs:
  call .type
  call .side
  mov rbx, [result_type]
  mov rdi, [rsp+8]
  call aim_here
.end:
  add rsp, 72
  ret
.side:                          # a void side is left as it is
  cmp rbx, type_void
  jne value
  ret
.type:                          # the type both sides agree upon, into [result_type]
  mov rdx, [rsp+8]              # of the first side
  mov [result_type], rdx
  mov r8, rbx                   # of the second, as a value
  cmp r8, type_char
  jne .wide
  mov r8, type_long
.wide:
  cmp rdx, r8
  je .agreed
  cmp rdx, type_long            # 0 on the first side: the second says the type
  jne .second
  cmp [rsp+40], k_number
  jne .second
  cmp [rsp+24], 0
  jne .second
  mov rax, r8
  and rax, 15
  je .second
  mov [result_type], r8
.agreed:
  ret
.second:
  mov rdi, rdx
  jmp assignable

# binary: rdi, the rank below which operators are left for others
# binary = unary { operator unary }, by rank, from the left
binary:
  push rdi
  call unary
.operator:
  mov rdi, r13
  call find_operator
  test rax, rax
  je .done
  mov rcx, [rax+op_rank]
  cmp rcx, [rsp]
  jl .done
  push rax
  cmp [rax+op_class], 4
  je .logical
  cmp r12, k_number
  je .left_number
  call value
  mov rdi, .left_number
  call put
  push rax
.left_number:
  push r12
  push rbx
  push rbp
  push r15
  call next
  mov rax, [rsp+32]
  mov rdi, [rax+op_rank]
  add rdi, 1
  call binary
  pop rax
  mov [left_end], rax
  pop rax
  mov [left_number], rax
  pop rax
  mov [left_type], rax
  pop rax
  mov [left_kind], rax
  pop rax
  mov [operator], rax
  call combine
  jmp .operator
.done:
  pop rdi
  ret

# a && b, a || b: b is not reached when a decides. Always 0 or 1.
.logical:
  push r12
  push rbp
  push r15
  call flags
  mov rax, [rsp+24]
  mov rdi, 0
  cmp [rax+op_sign], 0x7c7c     # ||
  je .or
  mov rdi, 1
.or:
  call put_branch
  push rax                      # the jump taken when a decides
  call next
  mov rax, [rsp+32]
  mov rdi, [rax+op_rank]
  add rdi, 1
  call binary
  mov rcx, [rsp+32]
  mov rcx, [rcx+op_sign]
  cmp r12, k_number
  jne .run
  cmp [rsp+24], k_number
  jne .run
  mov r15, [rsp+8]              # both constant: what was put is taken back
  cmp [rsp+16], 0
  setne al
  movzx rdx, al
  cmp rbp, 0
  setne al
  movzx rax, al
  cmp rcx, 0x7c7c
  je .or_number
  and rax, rdx
  jmp .known
.or_number:
  or rax, rdx
.known:
  mov rbp, rax
  jmp .logical_done
.run:
  push rcx
  call flags
  call value
  pop rcx
  cmp rcx, 0x7c7c
  je .decided_1
  mov rdi, .after_0
  call put
  jmp .after_0                  # over the next instruction
  mov rax, 0
.after_0:
  jmp .decided
.decided_1:
  mov rdi, .after_1
  call put
  jmp .after_1
  mov rax, 1
.after_1:
.decided:
  mov rdi, [rsp]
  lea rsi, [r15-7]              # mov rax, 0 or 1
  call aim
  mov r12, k_value
.logical_done:
  mov rbx, type_long
  add rsp, 40
  jmp .operator

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
