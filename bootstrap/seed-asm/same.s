# same: are two files the same? The chain compares its programs with it.
#
#   same A B     exit status 0: they are, byte for byte. 1: they are not, with the first offset that differs on standard
#                error; or one of them cannot be read or is larger than 16 MiB.
#
# Memory: 0x400000 this file; 0x10000000 A; 0x11000000 B, 16 MiB each, zeros after what was read.

image = 0x400000
memory = 0x10000000
second = memory + 0x1000000
most = 0x1000000

# ELF header and program headers, as in asm.hex
  db 0x7f, "ELF", 2, 1, 1, 0
  dq 0
  dw 2, 62                      # e_type = ET_EXEC, e_machine = EM_X86_64
  dd 1
  dq start, 64, 0               # e_entry, e_phoff, e_shoff
  dd 0
  dw 64, 56, 2, 64, 0, 0        # e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx
  dd 1, 5                       # PT_LOAD, PF_R | PF_X
  dq 0, image, image, end - image, end - image, 4096
  dd 1, 6                       # PT_LOAD, PF_R | PF_W
  dq 0, memory, memory, 0, most + most, 4096

start:
  mov rax, [rsp]                # argc
  cmp rax, 3
  jne usage
  mov rdi, [rsp+16]
  mov rsi, memory
  call read_file
  mov r12, rax                  # r12: length of A
  mov rdi, [rsp+24]
  mov rsi, second
  call read_file
  mov r13, rax                  # r13: length of B
  mov rbx, 0                    # rbx: offset of the byte compared
.byte:
  movzx rax, byte [rbx+memory]
  movzx rcx, byte [rbx+second]
  cmp rax, rcx
  jne differ
  cmp rbx, r12
  je .end_of_first
  cmp rbx, r13
  je differ
  add rbx, 1
  jmp .byte
.end_of_first:
  cmp rbx, r13
  jne differ
  mov rdi, 0
exit:
  mov rax, 60                   # exit
  syscall

# read_file: the file named rdi to rsi; gives its length
read_file:
  mov r8, rsi
  mov r9, rsi
  add r9, most                  # r9: end of the room
  mov rax, 2                    # open
  mov rsi, 0                    # O_RDONLY
  syscall
  mov rdi, rax
  test rax, rax
  jl failed
  mov rsi, r8
.more:
  mov rdx, r9
  sub rdx, rsi
  je failed
  mov rax, 0                    # read
  syscall
  test rax, rax
  jl failed
  je .whole
  add rsi, rax
  jmp .more
.whole:
  mov rax, rsi
  sub rax, r8
  ret

differ:
  mov rsi, text_differ
  mov rdx, text_differ_end - text_differ
  call say
  sub rsp, 32
  lea rsi, [rsp+31]             # the offset, in decimal, from its last digit on
  mov rcx, 10
  mov r8, rsi
.digit:
  mov rax, rbx
  cqo
  idiv rcx
  mov rbx, rax
  lea rax, [rdx+'0']
  sub rsi, 1
  mov byte [rsi], al
  cmp rbx, 0
  jne .digit
  mov rax, 10                   # newline
  mov byte [r8], al
  lea rdx, [r8+1]
  sub rdx, rsi
  call say
failed_exit:
  mov rdi, 1
  jmp exit
usage:
  mov rsi, text_usage
  mov rdx, text_usage_end - text_usage
  call say
  jmp failed_exit
failed:
  mov rsi, text_failed
  mov rdx, text_failed_end - text_failed
  call say
  jmp failed_exit

# say: rdx bytes at rsi, on standard error
say:
  mov rax, 1                    # write
  mov rdi, 2
  syscall
  ret

text_differ: db "same: the files differ at byte "
text_differ_end:
text_usage: db "usage: same A B", 10
text_usage_end:
text_failed: db "same: a file cannot be read, or is larger than 16 MiB", 10
text_failed_end:
end:
