# Variables, outside of functions and in them, and the values they start with.

# global_variable = name [ "[" [ constant ] "]" ] [ "=" ( choice | string | "{" choice { "," choice } [ "," ] "}" ) ]
# rdi: the name, behind us; rbx: type with its stars
global_variable:
  mov rsi, s_global
  call declare
  mov [rax+symbol_type], rbx
  push rax                      # [rsp+8] the symbol
  push rbx                      # [rsp] its type
  cmp r13, '['
  je .array
  cmp r13, '='
  je .value
  mov rdi, rbx
  call size_of
.zero:                          # rax bytes, zero at the start
  mov rcx, [bss_next]
  pop rbx
  pop rdx
  mov [rdx+symbol_number], rcx
  add rax, 7
  and rax, -8
  add rax, rcx
  cmp rax, to_bss_end
  jg .large
  mov [bss_next], rax
  ret
.large:
  call fail
  db "more than 1536 MiB of variables", 0
.value:
  call next
  call .begin_data
  call .element
  pop rbx
  pop rdx
  ret
.array:
  call next
  cmp r13, ']'
  je .open
  call count_here
  mov rdx, [rsp+8]
  mov [rdx+symbol_count], rax
  cmp r13, '='
  je .values
  mov rdi, [rsp]
  push rax
  call size_of
  pop rcx
  imul rax, rcx
  jmp .zero
.open:                          # as many elements as there are values
  mov rdx, [rsp+8]
  mov [rdx+symbol_count], to_bss_end
  call next
  cmp r13, '='
  jne .no_size
.values:
  call next
  call .begin_data
  mov rax, [data_next]
  push rax                      # [rsp] where it begins; type and symbol are above
  cmp r13, t_string
  je .string
  mov rdi, '{'
  call wanted
  mov rdx, [rsp+16]
  mov rax, [rdx+symbol_count]
  push rax                      # [rsp] how many more may come
.next_value:
  add [rsp], -1
  jl .many
  mov rbx, [rsp+16]
  call .element
  cmp r13, ','
  jne .last
  call next
  cmp r13, '}'
  jne .next_value
.last:
  mov rdi, '}'
  call wanted
  pop rax
  jmp .end
.string:
  mov rax, [rsp+8]
  cmp rax, type_char
  jne .no_string
  mov rdi, [rsp]
  mov rsi, data_end
  call joined
  mov [data_next], rax
.end:                           # the size is that of the values, or the one given and not less
  pop rcx
  pop rbx
  mov rdi, rbx
  call size_of
  mov r8, rax
  mov rax, [data_next]
  sub rax, rcx
  cqo
  idiv r8                       # how many values there are
  pop rdx
  mov r9, [rdx+symbol_count]
  cmp r9, to_bss_end
  je .counted
  cmp rax, r9
  jg .many
  mov rax, r9
.counted:
  mov [rdx+symbol_count], rax
  imul rax, r8
  add rax, rcx
  cmp rax, data_end
  jg .full
  mov [data_next], rax
  ret
.many:
  call fail
  db "more values than elements", 0
.full:
  call fail
  db "more than 16 MiB of data", 0
.no_string:
  call fail
  db "a string makes an array of char only", 0
.no_size:
  call fail
  db "the size of the array is wanted", 0
.begin_data:                    # the symbol 16 bytes above the return address lies at the next multiple of 8 in data
  mov rax, [data_next]
  add rax, 7
  and rax, -8
  mov [data_next], rax
  mov rdx, [rsp+16]
  lea rax, [rax-data+to_data]
  mov [rdx+symbol_number], rax
  ret
.element:                       # one value of type rbx, into data
  push rbx
  call loaded
  push rax
  call choice
  cmp r12, k_number
  jne .unknown
  mov rdi, [rsp+8]
  call assignable
  pop rcx
  pop rbx
  mov rdx, [data_next]
  cmp rdx, data_end - 8
  jg .full
  cmp rcx, 1
  je .byte
  mov [rdx], rbp
  add [data_next], 8
  ret
.byte:
  mov rax, rbp
  mov byte [rdx], al
  add [data_next], 1
  ret
.unknown:
  call fail
  db "a variable outside of functions starts with a constant", 0

# local_declaration = type declarator { "," declarator } ";", declarator = { "*" } name [ "[" constant "]" | "=" expression ]
local_declaration:
  call base_type
  push rbx
.variable:
  mov rbx, [rsp]
  call stars
  call name_here
  mov rdi, rax
  mov rsi, s_local
  call declare
  mov [rax+symbol_type], rbx
  push rax                      # the symbol
  mov rdi, rbx
  call size_of
  cmp r13, '['
  jne .sized
  push rax
  call next
  call count_here
  pop rcx
  mov rdx, [rsp]
  mov [rdx+symbol_count], rax
  imul rax, rcx
.sized:
  pop rdx
  add rax, 7
  and rax, -8
  mov rcx, [frame]
  add rcx, rax
  cmp rcx, 0x40000000
  jg .large
  mov [frame], rcx
  cmp rcx, [frame_most]
  jle .fits
  mov [frame_most], rcx
.fits:
  neg rcx
  mov [rdx+symbol_number], rcx
  cmp r13, '='
  jne .more
  cmp [rdx+symbol_count], 0
  jge .array
  push rdx
  call next
  call expression
  mov rdx, [rsp]
  mov rdi, [rdx+symbol_type]
  call assignable
  call value
  pop rdx
  mov r12, k_local
  mov rbx, [rdx+symbol_type]
  mov rbp, [rdx+symbol_number]
  call store
.more:
  cmp r13, ','
  jne .end
  call next
  jmp .variable
.end:
  pop rbx
  jmp semicolon
.array:
  call fail
  db "an array in a function starts without values", 0
.large:
  call fail
  db "more than 1 GiB of variables in a function", 0
