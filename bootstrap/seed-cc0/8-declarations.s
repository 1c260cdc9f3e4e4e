# Declarations: symbols and their blocks, structs, enums, variables, functions.

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

# function_declaration = name "(" ( "void" | type { "*" } name { "," type { "*" } name } ) ")" ( ";" | block )
# rdi: the name, behind us; rbx: type of the result
function_declaration:
  cmp rbx, type_void
  je .result
  call loaded                   # refuses a struct
.result:
  push rdi                      # [rsp+8]
  push rbx                      # [rsp]
  mov [parameters], 0
  mov [parameters_last], parameters - item_next
  call next
.parameter:
  call base_type
  cmp rbx, type_void
  jne .real
  cmp r13, ')'
  jne .real
  cmp [parameters], 0
  je .listed
.real:
  call stars
  cmp rbx, type_void
  je .bad
  call loaded
  cmp rax, 1
  je .bad
  call name_here
  push rax
  mov rdi, item_size
  call allocate
  pop rcx
  mov [rax+item_name], rcx
  mov [rax+item_type], rbx
  mov rdx, [parameters_last]
  mov [rdx+item_next], rax
  mov [parameters_last], rax
  cmp r13, ','
  jne .listed
  call next
  jmp .parameter
.bad:
  call fail
  db "a parameter is a long or a pointer", 0
.listed:
  mov rdi, ')'
  call wanted
  pop rbx
  pop rdi
  mov [about], rdi
  mov rax, [rdi+name_symbol]
  test rax, rax
  jne .known
  mov rsi, s_function
  call declare
  mov [rax+symbol_type], rbx
  mov rcx, [parameters]
  mov [rax+symbol_list], rcx
  jmp .declared
.known:                         # the same as before?
  cmp [rax+symbol_kind], s_function
  jne .differs
  cmp rbx, [rax+symbol_type]
  jne .differs
  mov rcx, [parameters]
  mov rdx, [rax+symbol_list]
.compare:
  test rcx, rcx
  je .compared
  test rdx, rdx
  je .differs
  mov r8, [rcx+item_type]
  cmp r8, [rdx+item_type]
  jne .differs
  mov rcx, [rcx+item_next]
  mov rdx, [rdx+item_next]
  jmp .compare
.differs:
  call fail_name
  db "declared otherwise before", 0
.compared:
  test rdx, rdx
  jne .differs
.declared:
  cmp r13, ';'
  je next

  mov [function], rax           # the body
  cmp [rax+symbol_number], 0
  jne .twice
  cmp r13, '{'
  jne .no_body
  mov [rax+symbol_number], r15
  mov rdi, [rax+symbol_calls]
  mov [rax+symbol_calls], 0
  mov rsi, r15
  call aim_all
  mov rdi, .entered
  call put
  push rbp
  mov rbp, rsp
  sub rsp, 0                    # bytes of locals, put in below
.entered:
  push r15
  mov [frame], 0
  mov [frame_most], 0
  add [scope], 1
  mov rbp, 8                    # the last parameter lies above the return address and the caller's rbp
  mov rdx, [parameters]
.count:
  test rdx, rdx
  je .counted
  add rbp, 8
  mov rdx, [rdx+item_next]
  jmp .count
.counted:
  mov rbx, [parameters]
.local:
  test rbx, rbx
  je .body
  mov rdi, [rbx+item_name]
  mov rsi, s_local
  call declare
  mov rcx, [rbx+item_type]
  mov [rax+symbol_type], rcx
  mov [rax+symbol_number], rbp
  sub rbp, 8
  mov rbx, [rbx+item_next]
  jmp .local
.body:
  call next
  call block_inside
  call put_leave
  pop rdi
  mov rax, [frame_most]
  mov dword [rdi-4], eax
  ret
.twice:
  call fail_name
  db "a second body for this function", 0
.no_body:
  call fail
  db "; or { is wanted here", 0

end:
