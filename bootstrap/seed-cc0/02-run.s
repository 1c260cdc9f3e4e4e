# A run: from the arguments to the file written. And how errors are said.

start:
  mov rax, [rsp]                # argc
  cmp rax, 3
  jl .usage
  mov rax, [rsp+16]
  mov [out_name], rax
  lea rax, [rsp+24]
  mov [next_file], rax
  lea rax, [rsp-0x400000]       # half of the usual 8 MiB
  mov [stack_limit], rax
  mov rax, heap
  mov [heap_next], rax
  mov rax, strings
  mov [strings_next], rax
  mov rax, data
  mov [data_next], rax
  mov rax, to_bss
  mov [bss_next], rax
  mov [base_char+record_size], 1
  mov [base_char+record_align], 1
  mov [base_char+record_whole], 1
  mov [base_long+record_size], 8
  mov [base_long+record_align], 8
  mov [base_long+record_whole], 1
  call intern_keywords
  mov r15, code
  call put_header
  call put_start
  call open_source
  call next
.declarations:
  cmp r13, t_end
  je finish
  call declaration
  jmp .declarations
.usage:
  call fail
  db "usage: cc0 OUT A.c ...", 0

# finish: all is read. Checks that nothing is missing, then writes the program.
finish:
  mov rbx, [globals]
.function:                      # every function called has a body
  test rbx, rbx
  je .main
  cmp [rbx+symbol_kind], s_function
  jne .next
  cmp [rbx+symbol_number], 0
  jne .next
  cmp [rbx+symbol_calls], 0
  je .next
  mov rax, [rbx+symbol_name]
  mov [about], rax
  call fail_name
  db "called, and nowhere defined", 0
.next:
  mov rbx, [rbx+symbol_before]
  jmp .function
.main:                          # long main(long, char **)
  mov r8, text_main
  mov r10, 4
  call intern
  mov rbx, [rax+name_symbol]
  test rbx, rbx
  je .no_main
  cmp [rbx+symbol_kind], s_function
  jne .no_main
  cmp [rbx+symbol_number], 0
  je .no_main
  cmp [rbx+symbol_type], type_long
  jne .no_main
  mov rax, [rbx+symbol_list]
  test rax, rax
  je .no_main
  cmp [rax+item_type], type_long
  jne .no_main
  mov rax, [rax+item_next]
  test rax, rax
  je .no_main
  cmp [rax+item_type], type_char + 2
  jne .no_main
  cmp [rax+item_next], 0
  jne .no_main
  mov rdi, [main_call]
  mov rsi, [rbx+symbol_number]
  call aim

  mov rdi, r15                  # the code ends at a page
  call round_page
  mov r12, rax
  sub r12, code                 # r12: length of the code, as long as it is in the file
  mov rbx, [strings_next]
  sub rbx, strings
  mov rdi, rbx
  call round_page
  mov rbp, rax                  # rbp: length of the strings in the file
  mov r13, [data_next]
  sub r13, data                 # r13: length of the data
  mov [code+header_code_sizes-header], r12   # p_filesz, p_memsz, p_offset of each part
  mov [code+header_code_sizes-header+8], r12
  mov [code+header_strings_sizes-header-24], r12
  mov [code+header_strings_sizes-header], rbx
  mov [code+header_strings_sizes-header+8], rbx
  mov rax, r12
  add rax, rbp
  mov [code+header_data_sizes-header-24], rax
  mov [code+header_data_sizes-header], r13
  mov [code+header_data_sizes-header+8], r13
  mov rax, [bss_next]
  sub rax, to_bss
  mov [code+header_bss_sizes-header+8], rax

  mov rax, 2                    # open
  mov rdi, [out_name]
  mov rsi, 0x241                # O_WRONLY | O_CREAT | O_TRUNC
  mov rdx, 0x1ed                # 0755
  syscall
  test rax, rax
  jl .not_opened
  mov r14, rax
  mov rsi, code
  mov rdx, r12
  call write_all
  mov rsi, strings
  mov rdx, rbp
  call write_all
  mov rsi, data
  mov rdx, r13
  call write_all
  mov rax, 91                   # fchmod: a file that was there may not be executable
  mov rdi, r14
  mov rsi, 0x1ed
  syscall
  mov rdi, 0
  jmp exit_program
.no_main:
  call fail
  db "there is no long main(long, char **)", 0
.not_opened:
  mov [file_name], 0
  call fail
  db "the output cannot be written", 0

# write_all: rdx bytes at rsi to file r14
write_all:
  test rdx, rdx
  je .done
  mov rax, 1                    # write
  mov rdi, r14
  syscall
  cmp rax, 0
  jle .failed
  add rsi, rax
  sub rdx, rax
  jmp write_all
.done:
  ret
.failed:
  mov rax, 77                   # ftruncate: what is there is not to be taken for a program
  mov rdi, r14
  mov rsi, 0
  syscall
  mov [file_name], 0
  call fail
  db "the output cannot be written", 0

# round_page: rdi rounded up to a multiple of 4096
round_page:
  lea rax, [rdi+4095]
  and rax, -4096
  ret

# allocate: rdi bytes of zeros from the heap
allocate:
  mov rax, [heap_next]
  add rdi, 15
  and rdi, -16
  add rdi, rax
  cmp rdi, heap_end
  jg .full
  mov [heap_next], rdi
  ret
.full:
  call fail
  db "too many names", 0

text_main: db "main", 0

# ---- errors

# fail: the reason follows the call, and a zero
fail:
  call say_where
  pop rsi
  call say
fail_end:
  mov rsi, text_newline
  call say
  mov rdi, 1
exit_program:
  mov rax, 60                   # exit
  syscall

# fail_name: the same, with the name that [about] is
fail_name:
  call say_where
  pop rsi
  call say
  mov rsi, text_colon
  call say
  mov rsi, [about]
  add rsi, name_text
  call say
  jmp fail_end

# say_where: FILE:LINE: , if there is a file
say_where:
  mov rsi, [file_name]
  test rsi, rsi
  je .done
  call say
  mov rsi, text_colon + 3
  call say
  mov rax, [line]
  call say_number
  mov rsi, text_colon
  call say
.done:
  ret

# say: bytes up to a zero at rsi, on standard error
say:
  mov rdx, 0
.length:
  mov rax, rsi
  add rax, rdx
  movzx rcx, byte [rax]
  test rcx, rcx
  je .write
  add rdx, 1
  jmp .length
.write:
  mov rax, 1
  mov rdi, 2
  syscall
  ret

# say_number: rax, at least 0
say_number:
  sub rsp, 32
  lea rsi, [rsp+31]
  mov rcx, 0
  mov byte [rsi], cl
  mov rcx, 10
.digit:
  cqo
  idiv rcx
  add rdx, '0'
  sub rsi, 1
  push rax
  mov rax, rdx
  mov byte [rsi], al
  pop rax
  test rax, rax
  jne .digit
  call say
  add rsp, 32
  ret

text_newline: db 10, 0
text_colon: db ": ", 0, ":", 0
