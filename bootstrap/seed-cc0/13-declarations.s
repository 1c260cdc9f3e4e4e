# Declarations: symbols and their blocks, enums, structs.

# declare: a new symbol of kind rsi for the name at rdi, in the block at hand; gives it. Keeps rbx, rbp, r12.
declare:
  push rdi
  push rsi
  mov rax, [rdi+name_symbol]
  test rax, rax
  je .new
  mov rcx, [rax+symbol_scope]
  cmp rcx, [scope]
  je .twice
.new:
  mov rdi, symbol_bytes
  call allocate
  pop rsi
  pop rdi
  mov [rax+symbol_kind], rsi
  mov [rax+symbol_name], rdi
  mov [rax+symbol_count], -1
  mov rcx, [rdi+name_symbol]
  mov [rax+symbol_shadowed], rcx
  mov [rdi+name_symbol], rax
  mov rcx, [globals]
  mov [rax+symbol_before], rcx
  mov [globals], rax
  mov rcx, [scope]
  mov [rax+symbol_scope], rcx
  ret
.twice:
  mov [about], rdi
  call fail_name
  db "declared twice", 0

# leave_scope: names of the block at hand mean again what they did before
leave_scope:
  mov rdx, [globals]
.symbol:
  test rdx, rdx
  je .done
  mov rax, [rdx+symbol_scope]
  cmp rax, [scope]
  jl .done
  mov rcx, [rdx+symbol_name]
  mov rax, [rdx+symbol_shadowed]
  mov [rcx+name_symbol], rax
  mov rdx, [rdx+symbol_before]
  jmp .symbol
.done:
  mov [globals], rdx
  add [scope], -1
  ret

# constant: an expression whose value, a number, is known now: into rbp
constant:
  call choice
  cmp r12, k_number
  jne .unknown
  cmp rbx, type_long
  jne .unknown
  ret
.unknown:
  call fail
  db "a constant number is wanted here", 0

# name_here: the name at hand into [about] and on the stack of the caller as rax; goes on to the next token
name_here:
  cmp r13, t_name
  jne .none
  mov rax, [token_name]
  mov [about], rax
  push rax
  call next
  pop rax
  ret
.none:
  call fail
  db "a name is wanted here", 0

# count_here = constant "]": how many elements, into rax; at least 1. Keeps rbx.
count_here:
  push rbx
  call constant
  mov rdi, ']'
  call wanted
  pop rbx
  mov rax, rbp
  cmp rax, 0
  jle .few
  cmp rax, to_bss_end
  jg .many
  ret
.few:
  call fail
  db "an array has one element at least", 0
.many:
  call fail
  db "the array is too large", 0

# declaration = [ "static" ] ( enum | struct | type declarator … ), outside of functions
declaration:
  cmp r13, k_enum
  je enum_declaration
  cmp r13, k_static
  jne .type
  call next
.type:
  mov rax, r13
  push rax
  call base_type
  pop rax
  cmp rax, k_struct
  jne .declarators
  cmp r13, '{'
  je struct_members
  cmp r13, ';'
  je next
.declarators:
  push rbx                      # type before the stars
  call stars
  call name_here
  cmp r13, '('
  je .function
.variable:
  mov rdi, rax
  call global_variable
  cmp r13, ','
  jne .end
  call next
  mov rbx, [rsp]
  call stars
  call name_here
  jmp .variable
.end:
  pop rbx
  jmp semicolon
.function:
  pop rcx
  mov rdi, rax
  jmp function_declaration

# enum = "enum" "{" name [ "=" constant ] { "," name [ "=" constant ] } "}" ";"
enum_declaration:
  call next
  mov rdi, '{'
  call wanted
  push 0                        # value of the next one
.constant:
  call name_here
  push rax
  cmp r13, '='
  jne .counted
  call next
  call constant
  mov [rsp+8], rbp
.counted:
  pop rdi
  mov rsi, s_constant
  call declare
  mov [rax+symbol_type], type_long
  pop rcx
  mov [rax+symbol_number], rcx
  add rcx, 1
  push rcx
  cmp r13, ','
  jne .end
  call next
  cmp r13, '}'
  jne .constant
.end:
  pop rcx
  mov rdi, '}'
  call wanted
  jmp semicolon

# struct_members = "{" { type declarator { "," declarator } ";" } "}" ";"; rbx: record of the struct
struct_members:
  cmp [rbx+record_whole], 0
  jne .twice
  mov [rbx+record_align], 1
  lea rax, [rbx+record_members]
  push rbx                      # [rsp+8]
  push rax                      # [rsp] where the next member is linked in
  call next
.line:
  call base_type
  push rbx
.member:
  mov rbx, [rsp]
  call stars
  call name_here
  mov rdi, [rsp+16]
  mov rdx, [rdi+record_members]
.seen:
  test rdx, rdx
  je .new
  cmp rax, [rdx+item_name]
  je .member_twice
  mov rdx, [rdx+item_next]
  jmp .seen
.new:
  push rax
  mov rdi, item_size
  call allocate
  pop rcx
  mov [rax+item_name], rcx
  mov [rax+item_type], rbx
  mov [rax+item_count], -1
  mov rcx, [rsp+8]
  mov [rcx], rax
  mov [rsp+8], rax
  push rax
  mov rdi, rbx
  call size_of
  push rax                      # bytes
  cmp r13, '['
  jne .sized
  call next
  call count_here
  mov rcx, [rsp+8]
  mov [rcx+item_count], rax
  pop rcx
  imul rcx, rax
  push rcx
.sized:
  mov rdi, rbx
  call align_of                 # 1 or 8
  pop r8
  pop rcx                       # the member
  mov rdx, [rsp+16]             # the struct
  cmp rax, [rdx+record_align]
  jle .aligned
  mov [rdx+record_align], rax
.aligned:
  mov r9, [rdx+record_size]
  add r9, rax
  sub r9, 1
  neg rax
  and r9, rax
  mov [rcx+item_number], r9
  add r9, r8
  mov [rdx+record_size], r9
  cmp r9, to_bss_end
  jg .large
  cmp r13, ','
  jne .line_end
  call next
  jmp .member
.line_end:
  pop rbx
  call semicolon
  cmp r13, '}'
  jne .line
  call next
  pop rax
  pop rdx
  mov rax, [rdx+record_align]
  mov r9, [rdx+record_size]
  add r9, rax
  sub r9, 1
  neg rax
  and r9, rax
  mov [rdx+record_size], r9
  mov [rdx+record_whole], 1
  jmp semicolon
.twice:
  mov rax, [rbx+record_name]
  mov [about], rax
  call fail_name
  db "this struct has its members already", 0
.member_twice:
  call fail_name
  db "this member is there twice", 0
.large:
  call fail
  db "the struct is too large", 0
