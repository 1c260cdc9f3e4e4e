# Statements. Between statements nothing is on the stack of the program made, and no register of it is in use.

# statement = block | ";" | expression ";" | "if" … | "while" … | "do" … | "for" … | "switch" … | "case" … | "default" …
#           | "break" ";" | "continue" ";" | "return" [ expression ] ";"
statement:
  call deeper
  cmp r13, '{'
  je block
  cmp r13, ';'
  je next
  cmp r13, k_if
  je if_statement
  cmp r13, k_while
  je while_statement
  cmp r13, k_do
  je do_statement
  cmp r13, k_for
  je for_statement
  cmp r13, k_switch
  je switch_statement
  cmp r13, k_case
  je case_label
  cmp r13, k_default
  je default_label
  cmp r13, k_break
  je break_statement
  cmp r13, k_continue
  je continue_statement
  cmp r13, k_return
  je return_statement
  call begins_type
  test rax, rax
  jne .late
  cmp r13, t_end
  je .open
  call expression
  jmp semicolon
.late:
  call fail
  db "declarations stand at the start of a block", 0
.open:
  call fail
  db "the function does not end", 0

# semicolon: must be at hand
semicolon:
  mov rdi, ';'
  jmp wanted

# block = "{" { local declaration } { statement } "}"
block:
  call next
  add [scope], 1
block_inside:                   # "{" is behind us, the scope is open
  mov rax, [frame]
  push rax
.declarations:
  call begins_type
  test rax, rax
  je .statements
  call local_declaration
  jmp .declarations
.statements:
  cmp r13, '}'
  je .end
  call statement
  jmp .statements
.end:
  pop rax
  mov [frame], rax
  call leave_scope
  jmp next

# condition: "(" expression ")"; a jump that is taken if it is 0; gives its place
condition:
  call next
  mov rdi, '('
  call wanted
  call expression
  call flags
  mov rdi, ')'
  call wanted
branch_if_zero:
  mov rdi, 1
  jmp put_branch

# if = "if" "(" expression ")" statement [ "else" statement ]
if_statement:
  call condition
  push rax
  call statement
  cmp r13, k_else
  je .else
  pop rdi
  jmp aim_here
.else:
  call put_jump
  pop rdi
  push rax
  call aim_here
  call next
  call statement
  pop rdi
  jmp aim_here

# loop_body: a statement in which break and continue may stand. The lists of jumps of the loop around are kept by the
# caller, on its stack.
loop_body:
  mov [breaks], 0
  mov [continues], 0
  add [in_breakable], 1
  add [in_loop], 1
  call statement
  add [in_breakable], -1
  add [in_loop], -1
  ret

# while = "while" "(" expression ")" statement
while_statement:
  push r15                      # [rsp+16] where a round begins
  mov rax, [breaks]
  push rax                      # [rsp+8]
  mov rax, [continues]
  push rax                      # [rsp]
  call condition
  push rax
  call loop_body
  mov rdi, [rsp+24]
  call put_jump_to
  pop rdi
  call aim_here
  mov rdi, [continues]
  mov rsi, [rsp+16]
  call aim_all
  jmp loop_end

# loop_end: the jumps of break go here; those of the loop around come back from the stack, and the place below them goes
loop_end:
  mov rdi, [breaks]
  mov rsi, r15
  call aim_all
  pop rax
  mov [continues], rax
  pop rax
  mov [breaks], rax
  pop rax
  ret

# do = "do" statement "while" "(" expression ")" ";"
do_statement:
  push r15
  mov rax, [breaks]
  push rax
  mov rax, [continues]
  push rax
  call next
  call loop_body
  mov rdi, [continues]
  mov rsi, r15
  call aim_all
  cmp r13, k_while
  jne .none
  call condition
  push rax
  mov rdi, [rsp+24]
  call put_jump_to
  pop rdi
  call aim_here
  call semicolon
  jmp loop_end
.none:
  call fail
  db "while is wanted here", 0

# for = "for" "(" [ expression ] ";" [ expression ] ";" [ expression ] ")" statement
# begin; test: condition, else to end; to body; step: …, to test; body: …, to step; end
for_statement:
  call next
  mov rdi, '('
  call wanted
  cmp r13, ';'
  je .begun
  call expression
.begun:
  call semicolon
  push r15                      # [rsp+16] test; from below on: step
  mov rax, [breaks]
  push rax
  mov rax, [continues]
  push rax
  push 0                        # the jump to the end, if there is a condition
  cmp r13, ';'
  je .tested
  call expression
  call flags
  call branch_if_zero
  mov [rsp], rax
.tested:
  call semicolon
  cmp r13, ')'
  je .no_step
  call put_jump
  push rax                      # the jump to the body
  push r15
  call expression
  mov rdi, [rsp+40]
  call put_jump_to
  pop rax
  mov [rsp+32], rax
  pop rdi
  call aim_here
.no_step:
  mov rdi, ')'
  call wanted
  call loop_body
  mov rdi, [rsp+24]
  call put_jump_to
  mov rdi, [continues]
  mov rsi, [rsp+24]
  call aim_all
  pop rdi
  test rdi, rdi
  je loop_end
  call aim_here
  jmp loop_end

# switch = "switch" "(" expression ")" statement: to the tests; statement; to the end; tests, one for each case; end
switch_statement:
  call next
  mov rdi, '('
  call wanted
  call expression
  call value
  cmp rbx, type_long
  jne .no_number
  mov rdi, ')'
  call wanted
  call put_jump
  push rax                      # the jump to the tests
  mov rax, [breaks]
  push rax
  mov rax, [cases]
  push rax
  mov rax, [cases_last]
  push rax
  mov rax, [default_at]
  push rax
  mov [breaks], 0
  mov [cases], 0
  mov [cases_last], cases - case_next
  mov [default_at], 0
  add [in_breakable], 1
  add [in_switch], 1
  call statement
  add [in_breakable], -1
  add [in_switch], -1
  mov rdi, breaks
  call put_jump_into
  mov rdi, [rsp+32]
  call aim_here
  mov rbx, [cases]
.case:
  test rbx, rbx
  je .default
  mov rbp, [rbx+case_value]
  mov rdi, rbp
  call is_short
  jne .long_case
  mov rdi, .after_1
  call put
  cmp rax, 0
.after_1:
  call fill_number
  jmp .equal
.long_case:
  mov rdi, .after_2
  call put
  movabs rcx, 0
.after_2:
  mov [r15-8], rbp
  mov rdi, .after_3
  call put
  cmp rax, rcx
.after_3:
.equal:
  mov rdi, .after_4
  call put
  je .after_4
.after_4:
  lea rdi, [r15-4]
  mov rsi, [rbx+case_at]
  call aim
  mov rbx, [rbx+case_next]
  jmp .case
.default:
  mov rdi, [default_at]
  test rdi, rdi
  je .end
  call put_jump_to
.end:
  mov rdi, [breaks]
  mov rsi, r15
  call aim_all
  pop rax
  mov [default_at], rax
  pop rax
  mov [cases_last], rax
  pop rax
  mov [cases], rax
  pop rax
  mov [breaks], rax
  pop rax
  ret
.no_number:
  call fail
  db "a number is wanted to switch by", 0

# case = "case" constant ":" statement
case_label:
  cmp [in_switch], 0
  je .stray
  call next
  call constant
  mov rdx, [cases]
.seen:
  test rdx, rdx
  je .new
  cmp rbp, [rdx+case_value]
  je .twice
  mov rdx, [rdx+case_next]
  jmp .seen
.new:
  mov rdi, case_bytes
  call allocate
  mov rcx, [cases_last]
  mov [rcx+case_next], rax
  mov [cases_last], rax
  mov [rax+case_value], rbp
  mov [rax+case_at], r15
  jmp label_end
.stray:
  call fail
  db "case stands in a switch", 0
.twice:
  call fail
  db "this case is there twice", 0

label_end:
  mov rdi, ':'
  call wanted
  jmp statement

# default = "default" ":" statement
default_label:
  cmp [in_switch], 0
  je .stray
  cmp [default_at], 0
  jne .twice
  mov [default_at], r15
  call next
  jmp label_end
.stray:
  call fail
  db "default stands in a switch", 0
.twice:
  call fail
  db "a second default", 0

break_statement:
  cmp [in_breakable], 0
  je .stray
  mov rdi, breaks
  call put_jump_into
  call next
  jmp semicolon
.stray:
  call fail
  db "break stands in a loop or switch", 0

continue_statement:
  cmp [in_loop], 0
  je .stray
  mov rdi, continues
  call put_jump_into
  call next
  jmp semicolon
.stray:
  call fail
  db "continue stands in a loop", 0

# return = "return" [ expression ] ";"
return_statement:
  call next
  mov rax, [function]
  cmp [rax+symbol_type], type_void
  je .nothing
  cmp r13, ';'
  je .missing
  call expression
  mov rax, [function]
  mov rdi, [rax+symbol_type]
  push rdi
  call assignable
  call value
  pop rdi
  cmp rdi, type_char
  jne .whole
  call put_cut
.whole:
  call put_leave
  jmp semicolon
.nothing:
  cmp r13, ';'
  jne .unwanted
  call put_leave
  jmp semicolon
.missing:
  call fail
  db "a function that is not void returns a value", 0
.unwanted:
  call fail
  db "a void function returns no value", 0

# put_leave: back to the caller
put_leave:
  mov rdi, .after
  call put
  leave
  ret
.after:
  ret
