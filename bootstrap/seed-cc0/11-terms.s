# Terms: constants, names, calls, and what may follow them.

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
  mov rdi, rbp
  call is_short
  jne .far
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
.far:
  call fail
  db "the member lies where no instruction reaches", 0
.no_name:
  call fail
  db "the name of a member is wanted here", 0
