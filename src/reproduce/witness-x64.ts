// Owns: the program that says, from inside a step, what the step sees. Written down as bytes, since it has to run in any
// root file system, an empty one too, and no compiler is there when it is needed. 64-bit x86 only.
//
// It writes blocks to standard output: a tag (4 bytes), a length (4 bytes), and as many bytes; little-endian. It opens
// four names for reading, and changes nothing.
//
// How to read it: bytes ; mnemonic # what is meant. Loaded at 0x400000 as it is; rbp points behind the file throughout.

export const WITNESS_X64 = `
# ELF header (System V ABI)
7f 45 4c 46 02 01 01 00 ; e_ident: 64 bits, little-endian
00 00 00 00 00 00 00 00
02 00 3e 00 01 00 00 00 ; ET_EXEC, EM_X86_64, EV_CURRENT
78 00 40 00 00 00 00 00 ; e_entry = _start
40 00 00 00 00 00 00 00 ; e_phoff
00 00 00 00 00 00 00 00 ; e_shoff: no sections
00 00 00 00             ; e_flags
40 00 38 00 01 00       ; e_ehsize, e_phentsize, e_phnum
40 00 00 00 00 00       ; e_shentsize, e_shnum, e_shstrndx

# One segment: the whole file, and room behind it
01 00 00 00 07 00 00 00 ; PT_LOAD, readable, writable, executable
00 00 00 00 00 00 00 00 ; p_offset
00 00 40 00 00 00 00 00 ; p_vaddr = 0x400000
00 00 40 00 00 00 00 00 ; p_paddr
28 02 00 00 00 00 00 00 ; p_filesz = 552
28 22 01 00 00 00 00 00 ; p_memsz: 72 KiB more, for what is read
00 10 00 00 00 00 00 00 ; p_align

# _start: the stack pointer, as it was given: tag 1
48 8d 2d a9 01 00 00   ; lea rbp,[rip+0x1a9] # end
48 89 65 00            ; mov QWORD PTR [rbp+0x0],rsp
6a 08                  ; push 0x8
5a                     ; pop rdx
6a 01                  ; push 0x1
5f                     ; pop rdi
e8 13 01 00 00         ; call emit
# uname(2), 390 bytes: tag 2
48 89 ef               ; mov rdi,rbp
6a 3f                  ; push 0x3f
58                     ; pop rax
0f 05                  ; syscall
ba 86 01 00 00         ; mov edx,0x186
6a 02                  ; push 0x2
5f                     ; pop rdi
e8 fe 00 00 00         ; call emit
# umask(2): tag 3
31 ff                  ; xor edi,edi
6a 5f                  ; push 0x5f
58                     ; pop rax
0f 05                  ; syscall
48 89 45 00            ; mov QWORD PTR [rbp+0x0],rax
6a 08                  ; push 0x8
5a                     ; pop rdx
6a 03                  ; push 0x3
5f                     ; pop rdi
e8 e8 00 00 00         ; call emit
# sched_getaffinity(2), a bit for each processor: tag 4
31 ff                  ; xor edi,edi
be 00 04 00 00         ; mov esi,0x400
48 89 ea               ; mov rdx,rbp
b8 cc 00 00 00         ; mov eax,0xcc
0f 05                  ; syscall
48 89 c2               ; mov rdx,rax
6a 04                  ; push 0x4
5f                     ; pop rdi
e8 cc 00 00 00         ; call emit
# clock_gettime(2) of CLOCK_REALTIME and CLOCK_BOOTTIME: tag 5
31 ff                  ; xor edi,edi
48 89 ee               ; mov rsi,rbp
b8 e4 00 00 00         ; mov eax,0xe4
0f 05                  ; syscall
6a 07                  ; push 0x7
5f                     ; pop rdi
48 8d 75 10            ; lea rsi,[rbp+0x10]
b8 e4 00 00 00         ; mov eax,0xe4
0f 05                  ; syscall
6a 20                  ; push 0x20
5a                     ; pop rdx
6a 05                  ; push 0x5
5f                     ; pop rdi
e8 a7 00 00 00         ; call emit
# open the root directory
be 00 00 01 00         ; mov esi,0x10000
48 8d 3d d6 00 00 00   ; lea rdi,[rip+0xd6] # root
6a 06                  ; push 0x6
41 5c                  ; pop r12
e8 c5 00 00 00         ; call open
49 89 c5               ; mov r13,rax

# more: getdents64(2) until there is no more: tag 6
4c 89 ef               ; mov rdi,r13
48 89 ee               ; mov rsi,rbp
ba 00 00 01 00         ; mov edx,0x10000
b8 d9 00 00 00         ; mov eax,0xd9
0f 05                  ; syscall
48 85 c0               ; test rax,rax
7e 0d                  ; jle listed
48 89 c2               ; mov rdx,rax
4c 89 e7               ; mov rdi,r12
e8 6d 00 00 00         ; call emit
eb dc                  ; jmp more

# listed: three files of /proc: tags 7, 8, 9; then getcwd(2): tag 10; then exit(0)
48 8d 3d a1 00 00 00   ; lea rdi,[rip+0xa1] # uidmap
6a 07                  ; push 0x7
41 5c                  ; pop r12
e8 3f 00 00 00         ; call file
48 8d 3d a4 00 00 00   ; lea rdi,[rip+0xa4] # loadavg
6a 08                  ; push 0x8
41 5c                  ; pop r12
e8 2f 00 00 00         ; call file
48 8d 3d a2 00 00 00   ; lea rdi,[rip+0xa2] # environ
6a 09                  ; push 0x9
41 5c                  ; pop r12
e8 1f 00 00 00         ; call file
# getcwd(2): tag 10
48 89 ef               ; mov rdi,rbp
be 00 00 01 00         ; mov esi,0x10000
6a 4f                  ; push 0x4f
58                     ; pop rax
0f 05                  ; syscall
48 89 c2               ; mov rdx,rax
6a 0a                  ; push 0xa
5f                     ; pop rdi
e8 23 00 00 00         ; call emit
# exit(2)
31 ff                  ; xor edi,edi
6a 3c                  ; push 0x3c
58                     ; pop rax
0f 05                  ; syscall

# file: file(rdi = path, r12 = tag): the first 64 KiB of a file, and on into emit
31 f6                  ; xor esi,esi
e8 48 00 00 00         ; call open
48 89 c7               ; mov rdi,rax
48 89 ee               ; mov rsi,rbp
ba 00 00 01 00         ; mov edx,0x10000
31 c0                  ; xor eax,eax
0f 05                  ; syscall
48 89 c2               ; mov rdx,rax
4c 89 e7               ; mov rdi,r12

# emit: emit(edi = tag, rdx = length): what lies at rbp; a failed call, a length below 0, gives nothing
48 85 d2               ; test rdx,rdx
78 2d                  ; js done
89 7d f0               ; mov DWORD PTR [rbp-0x10],edi
89 55 f4               ; mov DWORD PTR [rbp-0xc],edx
48 89 d3               ; mov rbx,rdx
48 8d 75 f0            ; lea rsi,[rbp-0x10]
6a 08                  ; push 0x8
5a                     ; pop rdx
e8 06 00 00 00         ; call put
48 89 ee               ; mov rsi,rbp
48 89 da               ; mov rdx,rbx

# put: put(rsi, rdx): write(2) until all is written, or it fails
6a 01                  ; push 0x1
5f                     ; pop rdi
6a 01                  ; push 0x1
58                     ; pop rax
0f 05                  ; syscall
48 29 c2               ; sub rdx,rax
76 05                  ; jbe done
48 01 c6               ; add rsi,rax
eb ee                  ; jmp put

# done
c3                     ; ret

# open: open(rdi = path, esi = flags)
6a 02                  ; push 0x2
58                     ; pop rax
31 d2                  ; xor edx,edx
0f 05                  ; syscall
c3                     ; ret

# names of files, each with a zero behind it
2f 00                   ; root: /
2f 70 72 6f 63 2f 73 65 ; uidmap: /proc/self/uid_map
6c 66 2f 75 69 64 5f 6d
61 70 00               
2f 70 72 6f 63 2f 6c 6f ; loadavg: /proc/loadavg
61 64 61 76 67 00      
2f 70 72 6f 63 2f 73 65 ; environ: /proc/self/environ
6c 66 2f 65 6e 76 69 72
6f 6e 00               

# padding, and the head of the block that is being written
66 0f 1f 44 00 00 00 00
00 00 00 00 00 00 00 00
00 00 00 00 00 00
`;
