# Functions: prototypes and bodies.

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
