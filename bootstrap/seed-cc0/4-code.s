# Making code, and what an expression is while its code is made.
#
# put writes down the instructions that follow the call to it, up to a label: they are not run here, they are copied
# into the program made. What is not known in them is written as 0 and filled in after: always the last four bytes.

# put: copies what follows the call, up to rdi, and goes on at rdi. Keeps all but rax and rsi.
put:
  pop rsi
.byte:
  movzx rax, byte [rsi]
  mov byte [r15], al
  add rsi, 1
  add r15, 1
  cmp rsi, rdi
  jl .byte
  cmp r15, code_end - 64
  jg .full
  jmp rdi
.full:
  call fail
  db "more than 16 MiB of code", 0

# put_range: copies what lies from rsi up to rdi
put_range:
  movzx rax, byte [rsi]
  mov byte [r15], al
  add rsi, 1
  add r15, 1
  cmp rsi, rdi
  jl put_range
  ret

# aim: the jump whose last byte is before rdi+4 goes to rsi; both are places in `code`
aim:
  sub rsi, rdi
  lea rax, [rsi-4]
  mov dword [rdi], eax
  ret

# aim_here: the jump at rdi goes to where the next byte of code goes
aim_here:
  mov rsi, r15
  jmp aim

# aim_all: a list of jumps, each holding the place of the next in its four bytes, goes to rsi. rdi: the first, or 0
aim_all:
  test rdi, rdi
  je .done
  movsxd rdx, dword [rdi]
  push rsi
  call aim
  pop rsi
  mov rdi, rdx
  jmp aim_all
.done:
  ret

# put_jump: a jump that is aimed later; gives its place
put_jump:
  mov rdi, .after
  call put
  jmp .after
.after:
  lea rax, [r15-4]
  ret

# put_jump_into: the same, linked into the list that the number at rdi begins
put_jump_into:
  push rdi
  call put_jump
  pop rdi
link:                           # rax: place of a jump
  mov rcx, rax
  mov rax, [rdi]
  mov dword [rcx], eax
  mov [rdi], rcx
  ret

# put_jump_to: a jump to rdi, a place that is known
put_jump_to:
  push rdi
  call put_jump
  mov rdi, rax
  pop rsi
  jmp aim

# put_header: the file header and the program headers of the program made
put_header:
  mov rsi, header
  mov rdi, header_end
  jmp put_range

to_entry = to_code + header_end - header
header:         db 0x7f, "ELF", 2, 1, 1, 0
                dq 0
                dw 2, 62
                dd 1
                dq to_entry, 64, 0
                dd 0
                dw 64, 56, 4, 64, 0, 0
                dd 1, 5                         # code: header and code, read and run
                dq 0, to_code, to_code
header_code_sizes:
                dq 0, 0, 4096
                dd 1, 4                         # strings: read
                dq 0, to_strings, to_strings
header_strings_sizes:
                dq 0, 0, 4096
                dd 1, 6                         # data: read and written
                dq 0, to_data, to_data
header_data_sizes:
                dq 0, 0, 4096
                dd 1, 6                         # bss: zero at the start
                dq 0, to_bss, to_bss
header_bss_sizes:
                dq 0, 0, 4096
header_end:

# put_start: how every program begins; and sys, the one function that is there. Arguments lie on the stack, the last
# on top; the result is in rax. All registers but rsp and rbp are lost in a call.
put_start:
  mov rdi, .start_end
  call put
  mov rax, [rsp]                # argc
  lea rcx, [rsp+8]              # argv
  push rax
  push rcx
  call .start_main
.start_main:
  mov rdi, rax
  mov rax, 60                   # exit
  syscall
.start_end:
  lea rax, [r15-.start_end+.start_main-4]
  mov [main_call], rax
  mov r8, .name                 # long sys(long, long, long, long)
  mov r10, 3
  call intern
  mov rdi, rax
  mov rsi, s_function
  call declare
  mov [rax+symbol_type], type_long
  mov [rax+symbol_number], r15
  mov rbx, rax
  lea rdx, [rbx+symbol_list]
  mov rcx, 4
.parameter:
  mov rdi, item_size
  call allocate
  mov [rdx], rax
  mov [rax+item_type], type_long
  lea rdx, [rax+item_next]
  sub rcx, 1
  jne .parameter
  mov rdi, .sys_end
  call put
  mov rax, [rsp+32]
  mov rdi, [rsp+24]
  mov rsi, [rsp+16]
  mov rdx, [rsp+8]
  syscall
  ret
.sys_end:
  ret
.name: db "sys", 0

# ---- types

# size_of: bytes of an object of type rdi. Keeps all but rax and rdi.
size_of:
  mov rax, rdi
  and rax, 15
  jne .pointer
  cmp [rdi+record_whole], 0
  je .unknown
  mov rax, [rdi+record_size]
  ret
.pointer:
  mov rax, 8
  ret
.unknown:
  call fail
  db "the size of this type is not known here", 0

# align_of: its alignment, of a type whose size is known
align_of:
  mov rax, rdi
  and rax, 15
  jne .pointer
  mov rax, [rdi+record_align]
  ret
.pointer:
  mov rax, 8
  ret

# pointer_to: type rbx becomes a pointer to it
pointer_to:
  add rbx, 1
  mov rax, rbx
  and rax, 15
  je .deep
  ret
.deep:
  call fail
  db "a pointer of more than 15 stars", 0

# begins_type: gives 1 if the token at hand begins a type, else 0
begins_type:
  mov rax, 1
  cmp r13, k_long
  je .done
  cmp r13, k_char
  je .done
  cmp r13, k_struct
  je .done
  cmp r13, k_void
  je .done
  mov rax, 0
.done:
  ret

# base_type: long, char, void or struct NAME; the type into rbx
base_type:
  mov rbx, type_long
  cmp r13, k_long
  je next
  mov rbx, type_char
  cmp r13, k_char
  je next
  mov rbx, type_void
  cmp r13, k_void
  je next
  cmp r13, k_struct
  jne .none
  call next
  cmp r13, t_name
  jne .nameless
  mov rcx, [token_name]
  mov rbx, [rcx+name_tag]
  test rbx, rbx
  jne next
  mov rdi, record_bytes         # the first mention of this struct
  call allocate
  mov rbx, rax
  mov [rcx+name_tag], rbx
  mov [rbx+record_name], rcx
  jmp next
.none:
  call fail
  db "a type is wanted here", 0
.nameless:
  call fail
  db "the name of a struct is wanted here", 0

# stars: a pointer for each star that follows, into rbx
stars:
  cmp r13, '*'
  jne .done
  call pointer_to
  call next
  jmp stars
.done:
  ret

# ---- the value of the expression so far

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
