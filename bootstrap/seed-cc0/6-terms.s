# Terms of expressions: signs before, constants, names, calls, and what may follow a term.

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

# term = number | string { string } | name | name "(" … ")", and what follows it
term:
  cmp r13, t_number
  je .number
  cmp r13, t_string
  je .string
  cmp r13, t_name
  je .name
  call fail
  db "an expression is wanted here", 0
.number:
  mov rbp, [token_number]
  mov r12, k_number
  mov rbx, type_long
  call next
  jmp follow
.string:
  mov rdi, [strings_next]
  mov rsi, strings_end
  lea rbp, [rdi-strings+to_strings]
  call joined
  mov [strings_next], rax
  mov r12, k_number
  mov rbx, type_char + 1
  jmp follow
.name:
  mov rcx, [token_name]
  mov [about], rcx
  mov rdx, [rcx+name_symbol]
  test rdx, rdx
  je .undeclared
  mov rbx, [rdx+symbol_type]
  mov rbp, [rdx+symbol_number]
  push rdx
  call next
  pop rdx
  mov rax, [rdx+symbol_kind]
  cmp rax, s_function
  je .function
  mov r12, k_number
  cmp rax, s_constant
  je follow
  mov r12, k_local
  cmp rax, s_local
  je .object
  mov r12, k_global
.object:
  cmp [rdx+symbol_count], 0
  jl follow
  call address                  # an array stands for the address of its first element
  call pointer_to
  jmp follow
.function:
  cmp r13, '('
  jne .not_called
  mov rdi, rdx
  call call_function
  jmp follow
.undeclared:
  call fail_name
  db "not declared", 0
.not_called:
  call fail_name
  db "a function can only be called", 0

# joined: the bytes of the strings that follow one another, and a zero, to rdi; gives where they end. rsi: end of the room
joined:
  mov rcx, 0
.byte:
  cmp rdi, rsi
  jge .full
  cmp rcx, [token_length]
  jge .piece
  movzx rax, byte [rcx+token_text]
  mov byte [rdi], al
  add rdi, 1
  add rcx, 1
  jmp .byte
.piece:
  push rdi
  push rsi
  call next
  pop rsi
  pop rdi
  cmp r13, t_string
  je joined
  mov rax, 0
  mov byte [rdi], al
  lea rax, [rdi+1]
  ret
.full:
  call fail
  db "more than 16 MiB of strings", 0

# call_function: name at rdi, "(" at hand
# arguments = "(" [ expression { "," expression } ] ")": each is pushed, the last lies on top
call_function:
  push rdi
  mov rax, [rdi+symbol_list]
  push rax                      # the next parameter
  push 0                        # how many there were
  call next
  cmp r13, ')'
  je .close
.argument:
  call expression
  mov rax, [rsp+8]
  test rax, rax
  je .many
  mov rdi, [rax+item_type]
  call assignable
  call value
  mov rdi, .pushed
  call put
  push rax
.pushed:
  mov rax, [rsp+8]
  mov rax, [rax+item_next]
  mov [rsp+8], rax
  add [rsp], 1
  cmp r13, ','
  jne .close
  call next
  jmp .argument
.close:
  mov rax, [rsp+8]
  test rax, rax
  jne .few
  mov rdi, ')'
  call wanted
  mov rdi, .called
  call put
  call .called
.called:
  pop rbp                       # how many
  pop rax
  pop rbx
  lea rax, [r15-4]
  cmp [rbx+symbol_number], 0
  je .later
  mov rdi, rax
  mov rsi, [rbx+symbol_number]
  call aim
  jmp .aimed
.later:
  lea rdi, [rbx+symbol_calls]
  call link
.aimed:
  mov rbx, [rbx+symbol_type]
  cmp rbx, type_char
  jne .typed
  mov rbx, type_long
.typed:
  mov r12, k_value
  shl rbp, 3
  je .done
  mov rdi, .dropped
  call put
  add rsp, 0
.dropped:
  jmp fill_number
.done:
  ret
.many:
  mov rax, [rsp+16]
  mov rax, [rax+symbol_name]
  mov [about], rax
  call fail_name
  db "more arguments than parameters", 0
.few:
  mov rax, [rsp+16]
  mov rax, [rax+symbol_name]
  mov [about], rax
  call fail_name
  db "fewer arguments than parameters", 0

# follow = { "[" expression "]" | "." name | "->" name | "++" | "--" }
follow:
  cmp r13, '['
  je .index
  cmp r13, '.'
  je .member
  cmp r13, 0x3e2d               # ->
  je .arrow
  cmp r13, 0x2b2b               # ++
  je .increment
  cmp r13, 0x2d2d               # --
  je .decrement
  ret
.increment:
  mov rsi, 1
  jmp .step
.decrement:
  mov rsi, -1
.step:
  call step_after
  call next
  jmp follow
.index:                         # a[b] is *(a + b)
  cmp r12, k_number
  je .left_number
  call value
  mov rdi, .left_number
  call put
  push rax
.left_number:
  mov rax, rbx
  and rax, 15
  je .no_pointer
  push r12
  push rbx
  push rbp
  push r15
  call next
  call expression
  pop rax
  mov [left_end], rax
  pop rax
  mov [left_number], rax
  pop rax
  mov [left_type], rax
  pop rax
  mov [left_kind], rax
  mov rdi, '+'
  call find_operator
  mov [operator], rax
  call combine
  mov rdi, ']'
  call wanted
  call dereference
  jmp follow
.no_pointer:
  call fail
  db "an array or a pointer is wanted before [", 0
.arrow:
  call dereference
.member:
  mov rax, rbx                  # an object that is a struct
  and rax, 15
  jne .no_struct
  mov rax, [rbx+record_name]
  test rax, rax
  je .no_struct
  cmp r12, k_local
  je .object
  cmp r12, k_global
  je .object
  cmp r12, k_indirect
  jne .no_struct
.object:
  call next
  cmp r13, t_name
  jne .no_name
  mov rcx, [token_name]
  mov rdx, [rbx+record_members]
.find:
  test rdx, rdx
  je .unknown
  cmp rcx, [rdx+item_name]
  je .found
  mov rdx, [rdx+item_next]
  jmp .find
.found:
  mov rax, [rdx+item_number]
  add rbp, rax
  mov rbx, [rdx+item_type]
  push rdx
  call next
  pop rdx
  cmp [rdx+item_count], 0
  jl follow
  call address
  call pointer_to
  jmp follow
.unknown:
  mov [about], rcx
  call fail_name
  db "the struct has no such member", 0
.no_struct:
  call fail
  db "a struct is wanted before the member", 0
.no_name:
  call fail
  db "the name of a member is wanted here", 0
