# The expression so far: from what it is to the instructions that load, store and test it.

# loaded: how many bytes an object of type rbx is loaded with: 1 or 8
loaded:
  mov rax, rbx
  and rax, 15
  jne .quad
  cmp rbx, type_long
  je .quad
  cmp rbx, type_char
  jne .struct
  mov rax, 1
  ret
.quad:
  mov rax, 8
  ret
.struct:
  call fail
  db "a struct is no value: take its address or a member", 0

# fill_number: the last four bytes put become rbp; it is a value now
fill_number:
  mov rax, rbp
  mov dword [r15-4], eax
  mov r12, k_value
  ret

# value: makes the expression a value: the program has it in rax. A char becomes a long.
value:
  cmp rbx, type_void
  je .void
  cmp r12, k_value
  je .done
  cmp r12, k_number
  je .number
  cmp r12, k_flags
  je .flags
  call loaded
  cmp rax, 1
  je .char
  cmp r12, k_local
  je .local
  cmp r12, k_global
  je .global
  mov rdi, .after_1
  call put
  mov rax, [rax+0]
.after_1:
  jmp fill_number
.local:
  mov rdi, .after_2
  call put
  mov rax, [rbp+0]
.after_2:
  jmp fill_number
.global:
  mov rdi, .after_3
  call put
  mov rax, [0]
.after_3:
  jmp fill_number
.char:
  mov rbx, type_long
  cmp r12, k_local
  je .char_local
  cmp r12, k_global
  je .char_global
  mov rdi, .after_4
  call put
  movsx rax, byte [rax+0]
.after_4:
  jmp fill_number
.char_local:
  mov rdi, .after_5
  call put
  movsx rax, byte [rbp+0]
.after_5:
  jmp fill_number
.char_global:
  mov rdi, .after_6
  call put
  movsx rax, byte [0]
.after_6:
  jmp fill_number
.number:
  mov rdi, rbp
  call is_short
  jne .long_number
  mov rdi, .after_7
  call put
  mov rax, 0
.after_7:
  jmp fill_number
.long_number:
  mov rdi, .after_8
  call put
  movabs rax, 0
.after_8:
  mov [r15-8], rbp
  mov r12, k_value
  ret
.flags:
  mov rdi, .after_9
  call put
  sete al                       # the condition is put in below
  movzx rax, al
.after_9:
  mov rax, rbp
  or rax, 0x90
  mov byte [r15-6], al
  mov r12, k_value
.done:
  ret
.void:
  call fail
  db "this has no value", 0

# is_short: `je` if rdi is the same when cut to 32 bits and widened
is_short:
  mov rax, rdi
  shl rax, 32
  sar rax, 32
  cmp rax, rdi
  ret

# value_second: like value, of a k_number, k_local or k_global, into rcx
value_second:
  cmp r12, k_number
  je .number
  call loaded
  cmp rax, 1
  je .char
  cmp r12, k_local
  je .local
  mov rdi, .after_1
  call put
  mov rcx, [0]
.after_1:
  jmp fill_number
.local:
  mov rdi, .after_2
  call put
  mov rcx, [rbp+0]
.after_2:
  jmp fill_number
.char:
  cmp r12, k_local
  je .char_local
  mov rdi, .after_3
  call put
  movsx rcx, byte [0]
.after_3:
  jmp fill_number
.char_local:
  mov rdi, .after_4
  call put
  movsx rcx, byte [rbp+0]
.after_4:
  jmp fill_number
.number:
  mov rdi, rbp
  call is_short
  jne .long_number
  mov rdi, .after_5
  call put
  mov rcx, 0
.after_5:
  jmp fill_number
.long_number:
  mov rdi, .after_6
  call put
  movabs rcx, 0
.after_6:
  mov [r15-8], rbp
  mov r12, k_value
  ret

# store: rax of the program goes into the object; the address of a k_indirect is in rcx. It is a value then.
store:
  call loaded
  cmp rax, 1
  je .char
  cmp r12, k_local
  je .local
  cmp r12, k_global
  je .global
  mov rdi, .after_1
  call put
  mov [rcx+0], rax
.after_1:
  jmp fill_number
.local:
  mov rdi, .after_2
  call put
  mov [rbp+0], rax
.after_2:
  jmp fill_number
.global:
  mov rdi, .after_3
  call put
  mov [0], rax
.after_3:
  jmp fill_number
.char:
  mov rbx, type_long
  cmp r12, k_local
  je .char_local
  cmp r12, k_global
  je .char_global
  mov rdi, .after_4
  call put
  mov byte [rcx+0], al
.after_4:
  call fill_number
  jmp put_cut
.char_local:
  mov rdi, .after_5
  call put
  mov byte [rbp+0], al
.after_5:
  call fill_number
  jmp put_cut
.char_global:
  mov rdi, .after_6
  call put
  mov byte [0], al
.after_6:
  call fill_number

# put_cut: rax of the program becomes what a char keeps of it
put_cut:
  mov rdi, .after
  call put
  movsx rax, al
.after:
  ret

# flags: makes the expression k_flags: whether it is not zero
flags:
  cmp r12, k_flags
  je .done
  call value
  mov rdi, .after
  call put
  test rax, rax
.after:
  mov r12, k_flags
  mov rbp, 5                    # `ne`
  mov rbx, type_long
.done:
  ret

# put_branch: a jump that is taken if the expression, k_flags, is 0 (rdi 1) or not 0 (rdi 0); gives its place
put_branch:
  mov rdx, rdi
  mov rdi, .after
  call put
  je .after                     # the condition is put in below
.after:
  mov rax, rbp
  xor rax, rdx                  # the lowest bit turns a condition into its contrary
  or rax, 0x80
  mov byte [r15-5], al
  lea rax, [r15-4]
  ret

# address: an object becomes the value that is its address; rbx stays the type of the object
address:
  cmp r12, k_local
  je .local
  cmp r12, k_indirect
  je .indirect
  mov r12, k_number             # of a global it is known
  ret
.local:
  mov rdi, .after_1
  call put
  lea rax, [rbp+0]
.after_1:
  jmp fill_number
.indirect:
  cmp rbp, 0
  je .same
  mov rdi, .after_2
  call put
  lea rax, [rax+0]
.after_2:
  jmp fill_number
.same:
  mov r12, k_value
  ret
