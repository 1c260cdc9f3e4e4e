# Types.

# size_of: bytes of an object of type rdi. Keeps all but rax and rdi.
size_of:
  mov rax, rdi
  and rax, 15
  jne .pointer
  cmp [rdi+record_whole], 0
  je .unknown
  mov rax, [rdi+record_size]
  ret
.pointer:
  mov rax, 8
  ret
.unknown:
  call fail
  db "the size of this type is not known here", 0

# align_of: its alignment, of a type whose size is known
align_of:
  mov rax, rdi
  and rax, 15
  jne .pointer
  mov rax, [rdi+record_align]
  ret
.pointer:
  mov rax, 8
  ret

# pointer_to: type rbx becomes a pointer to it
pointer_to:
  add rbx, 1
  mov rax, rbx
  and rax, 15
  je .deep
  ret
.deep:
  call fail
  db "a pointer of more than 15 stars", 0

# begins_type: gives 1 if the token at hand begins a type, else 0
begins_type:
  mov rax, 1
  cmp r13, k_long
  je .done
  cmp r13, k_char
  je .done
  cmp r13, k_struct
  je .done
  cmp r13, k_void
  je .done
  mov rax, 0
.done:
  ret

# base_type: long, char, void or struct NAME; the type into rbx
base_type:
  mov rbx, type_long
  cmp r13, k_long
  je next
  mov rbx, type_char
  cmp r13, k_char
  je next
  mov rbx, type_void
  cmp r13, k_void
  je next
  cmp r13, k_struct
  jne .none
  call next
  cmp r13, t_name
  jne .nameless
  mov rcx, [token_name]
  mov rbx, [rcx+name_tag]
  test rbx, rbx
  jne next
  mov rdi, record_bytes         # the first mention of this struct
  call allocate
  mov rbx, rax
  mov [rcx+name_tag], rbx
  mov [rbx+record_name], rcx
  jmp next
.none:
  call fail
  db "a type is wanted here", 0
.nameless:
  call fail
  db "the name of a struct is wanted here", 0

# stars: a pointer for each star that follows, into rbx
stars:
  cmp r13, '*'
  jne .done
  call pointer_to
  call next
  jmp stars
.done:
  ret
