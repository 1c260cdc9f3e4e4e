# Making code: instructions, jumps, the header of the file, and how every program begins.
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
