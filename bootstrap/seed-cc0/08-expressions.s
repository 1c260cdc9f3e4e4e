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
