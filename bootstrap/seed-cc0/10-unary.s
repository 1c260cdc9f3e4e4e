# Unary expressions: signs before a term, casts, sizeof; pointers followed, and objects counted up and down.

# unary = ( "-" | "~" | "!" | "+" | "*" | "&" | "++" | "--" ) unary | "(" type ")" unary | "sizeof" "(" type ")" | term
unary:
  call deeper
  cmp r13, '-'
  je .minus
  cmp r13, '~'
  je .tilde
  cmp r13, '+'
  je .plus
  cmp r13, '!'
  je .not
  cmp r13, '*'
  je .star
  cmp r13, '&'
  je .and
  cmp r13, 0x2b2b               # ++
  je .increment
  cmp r13, 0x2d2d               # --
  je .decrement
  cmp r13, k_sizeof
  je .sizeof
  cmp r13, '('
  jne term
  call next
  call begins_type
  test rax, rax
  jne .cast
  call expression
  mov rdi, ')'
  call wanted
  jmp follow

.number:                        # an operand that must be a number: value or constant
  call next
  call unary
.is_number:
  cmp r12, k_number
  je .typed
  call value
.typed:
  cmp rbx, type_long
  jne .no_number
  ret
.no_number:
  call fail
  db "this operator takes numbers only", 0

.minus:
  call .number
  cmp r12, k_number
  je .minus_number
  mov rdi, .after_1
  call put
  neg rax
.after_1:
  ret
.minus_number:
  neg rbp
  ret
.tilde:
  call .number
  cmp r12, k_number
  je .tilde_number
  mov rdi, .after_2
  call put
  not rax
.after_2:
  ret
.tilde_number:
  not rbp
  ret
.plus:
  jmp .number
.not:
  call next
  call unary
  cmp r12, k_number
  je .not_number
  call flags
  xor rbp, 1                    # the contrary
  ret
.not_number:
  mov rax, 0
  cmp rbp, 0
  sete al
  mov rbp, rax
  mov rbx, type_long
  ret

.star:
  call next
  call unary
  jmp dereference
.and:
  call next
  call unary
  cmp r12, k_local
  je .address
  cmp r12, k_global
  je .address
  cmp r12, k_indirect
  je .address
  call fail
  db "this has no address", 0
.address:
  call address
  jmp pointer_to

.increment:
  mov rsi, 1
  jmp .step
.decrement:
  mov rsi, -1
.step:
  push rsi
  call next
  call unary
  pop rsi
  jmp step

.sizeof:
  call next
  mov rdi, '('
  call wanted
  call base_type
  call stars
  mov rdi, ')'
  call wanted
  mov rdi, rbx
  call size_of
  mov rbp, rax
  mov r12, k_number
  mov rbx, type_long
  ret

.cast:
  call base_type
  call stars
  push rbx
  mov rdi, ')'
  call wanted
  call unary
  pop rdi
  cmp rdi, type_void
  je .cast_void
  cmp r12, k_number
  je .cast_number
  push rdi
  call value
  pop rdi
.cast_number:
  mov rbx, rdi
  cmp rdi, type_char
  je .cast_char
  cmp rdi, type_long
  je .cast_done
  and rdi, 15
  je .cast_struct
.cast_done:
  ret
.cast_char:
  mov rbx, type_long
  cmp r12, k_number
  jne put_cut
  mov rax, rbp
  movsx rbp, al
  ret
.cast_void:
  mov rbx, type_void
  mov r12, k_value
  ret
.cast_struct:
  call fail
  db "no cast makes a struct", 0

# dereference: the expression, a pointer, becomes the object it points to
dereference:
  cmp r12, k_number
  je .number
  call value
  call .pointer
  mov r12, k_indirect
  mov rbp, 0
  ret
.number:
  call .pointer
  mov rdi, rbp
  call is_short
  jne .far
  mov r12, k_global
  ret
.far:                           # an address the instructions for globals cannot hold
  call value
  mov r12, k_indirect
  mov rbp, 0
  ret
.pointer:
  mov rax, rbx
  and rax, 15
  je .no_pointer
  sub rbx, 1
  cmp rbx, type_void
  je .no_pointer
  ret
.no_pointer:
  call fail
  db "a pointer to an object is wanted here", 0

# step: adds rsi, 1 or -1 (times the size pointed to), to the object; its value is the new one
step:
  call step_add
  jmp store

# step_after: the same, but its value is the old one
step_after:
  call step_add
  push rbx
  push rsi
  call store
  pop rbp
  mov rdi, .after
  call put
  sub rax, 0
.after:
  call fill_number
  pop rcx
  cmp rcx, type_char
  je put_cut
  ret

# step_add: puts the addition of a step; the object stays the expression. Gives in rsi what is added.
step_add:
  push rsi
  call object
  mov rax, rbx
  and rax, 15
  je .loaded
  lea rdi, [rbx-1]
  call size_of
  pop rsi
  imul rsi, rax
  push rsi
.loaded:
  push r12
  push rbx
  push rbp
  cmp r12, k_indirect
  jne .load
  mov rdi, .load
  call put
  mov rcx, rax
.load:
  call value
  mov rbp, [rsp+24]
  mov rdi, .after
  call put
  add rax, 0
.after:
  call fill_number
  pop rbp
  pop rbx
  pop r12
  pop rsi
  ret
