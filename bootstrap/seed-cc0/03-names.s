# Names, each with one record however often it stands in the sources; and the sources themselves.

keywords: db "break", 0, "case", 0, "char", 0, "continue", 0, "default", 0, "do", 0, "else", 0, "enum", 0, "for", 0
          db "if", 0, "long", 0, "return", 0, "sizeof", 0, "static", 0, "struct", 0, "switch", 0, "void", 0, "while", 0, 0

# intern_keywords: once at the start
intern_keywords:
  mov rbx, k_break
  mov r8, keywords
.keyword:
  mov r10, 0
.length:
  mov rax, r8
  add rax, r10
  movzx rax, byte [rax]
  test rax, rax
  je .whole
  add r10, 1
  jmp .length
.whole:
  test r10, r10
  je .done
  push r8
  push r10
  call intern
  pop r10
  pop r8
  mov [rax+name_keyword], rbx
  add rbx, 1
  add r8, r10
  add r8, 1
  jmp .keyword
.done:
  ret

# intern: the record of the name of r10 bytes at r8
intern:
  mov rdx, 0                    # hash: 31 times what was, and the next byte
  mov rcx, 0
.hash:
  mov rax, 31
  imul rdx, rax
  mov rax, r8
  add rax, rcx
  movzx rax, byte [rax]
  add rdx, rax
  add rcx, 1
  cmp rcx, r10
  jl .hash
  and rdx, 4095
  shl rdx, 3
  lea r9, [rdx+buckets]         # r9: the bucket
  mov r11, [r9]                 # r11: the record looked at
.record:
  test r11, r11
  je .new
  cmp r10, [r11+name_length]
  jne .other
  lea rdi, [r11+name_text]
  mov rsi, r8
  mov rcx, r10
.compare:
  movzx rax, byte [rsi]
  movzx rdx, byte [rdi]
  cmp rax, rdx
  jne .other
  add rsi, 1
  add rdi, 1
  sub rcx, 1
  jne .compare
  mov rax, r11
  ret
.other:
  mov r11, [r11+name_next]
  jmp .record
.new:
  lea rdi, [r10+name_text+1]
  call allocate
  mov rcx, [r9]
  mov [rax+name_next], rcx
  mov [r9], rax
  mov [rax+name_length], r10
  lea rdi, [rax+name_text]
  mov rcx, r10
.copy:
  movzx rdx, byte [r8]
  push rax
  mov rax, rdx
  mov byte [rdi], al
  pop rax
  add r8, 1
  add rdi, 1
  sub rcx, 1
  jne .copy
  ret

# open_source: reads the next file whole; gives 0 if there is none
open_source:
  mov rax, [next_file]
  mov rcx, [rax]
  test rcx, rcx
  je .none
  add rax, 8
  mov [next_file], rax
  mov [file_name], rcx
  mov [line], 0                 # in messages about the file itself
  mov rax, 2                    # open
  mov rdi, rcx
  mov rsi, 0                    # O_RDONLY
  syscall
  test rax, rax
  jl .failed
  mov r8, rax                   # a system call leaves r8 and r14 alone
  mov r14, source
.read:
  mov rax, 0                    # read
  mov rdi, r8
  mov rsi, r14
  mov rdx, source + source_most
  sub rdx, r14
  jle .large
  syscall
  test rax, rax
  jl .failed
  je .read_all
  add r14, rax
  jmp .read
.read_all:
  mov rax, 3                    # close
  mov rdi, r8
  syscall
  mov rax, 0
  mov byte [r14], al
  mov [source_end], r14
  mov r14, source
  mov [line], 1
  mov rax, 1
  ret
.none:
  mov rax, 0
  ret
.failed:
  call fail
  db "cannot be read", 0
.large:
  call fail
  db "larger than 4 MiB", 0
