# Words of the source: numbers, strings, signs.

# next: the next token into r13
next:
  movzx rax, byte [r14]
  add r14, 1
  movzx rcx, byte [rax+class_of]
  cmp rcx, 1
  je next
  cmp rcx, 2
  je .line
  cmp rcx, 3
  je .word
  cmp rcx, 4
  je .number
  cmp rcx, 5
  je .single
  cmp rcx, 6
  je .sign
  cmp rcx, 7
  je .string
  cmp rcx, 8
  je .character
  cmp rcx, 9
  je .zero
  call fail
  db "strange character", 0
.line:
  add [line], 1
  jmp next
.single:
  mov r13, rax
  ret
.zero:
  lea rax, [r14-1]
  cmp rax, [source_end]
  jne .stray
  call open_source
  test rax, rax
  jne next
  sub r14, 1                    # the end stays the end
  mov r13, t_end
  ret
.stray:
  call fail
  db "a zero byte", 0

.sign:                          # one, two or three characters
  mov r13, rax
  movzx rdx, byte [r14]
  cmp rdx, '*'
  jne .no_comment
  cmp rax, '/'
  je .comment
.no_comment:
  cmp rax, '.'
  je .one
  cmp rdx, '='
  je .two
  cmp rdx, '>'
  jne .no_arrow
  cmp rax, '-'
  je .two
.no_arrow:
  cmp rax, rdx
  jne .one
  cmp rax, '+'                  # these may be doubled
  je .two
  cmp rax, '-'
  je .two
  cmp rax, '&'
  je .two
  cmp rax, '|'
  je .two
  cmp rax, '<'
  je .shift
  cmp rax, '>'
  je .shift
.one:
  ret
.shift:
  movzx rcx, byte [r14+1]
  cmp rcx, '='
  jne .two
  shl rcx, 16
  add r13, rcx
  shl rdx, 8
  add r13, rdx
  add r14, 2
  ret
.two:
  shl rdx, 8
  add r13, rdx
  add r14, 1
  ret

.comment:
  add r14, 1
.comment_byte:
  movzx rax, byte [r14]
  cmp rax, '*'
  je .star
  cmp rax, 10
  je .comment_line
  cmp r14, [source_end]
  jge .comment_open
  add r14, 1
  jmp .comment_byte
.comment_line:
  add [line], 1
  add r14, 1
  jmp .comment_byte
.star:
  add r14, 1
  movzx rax, byte [r14]
  cmp rax, '/'
  jne .comment_byte
  add r14, 1
  jmp next
.comment_open:
  call fail
  db "the comment does not end", 0

.word:
  lea r8, [r14-1]
  mov r10, 1
.letter:
  movzx rax, byte [r14]
  movzx rcx, byte [rax+class_of]
  cmp rcx, 3
  je .one_more
  cmp rcx, 4
  jne .word_end
.one_more:
  add r10, 1
  add r14, 1
  jmp .letter
.word_end:
  cmp r10, name_most
  jg .long_name
  call intern
  mov [token_name], rax
  mov r13, [rax+name_keyword]
  test r13, r13
  jne .keyword
  mov r13, t_name
.keyword:
  ret
.long_name:
  call fail
  db "a name of more than 63 characters", 0

.number:
  mov r13, t_number
  mov r8, 0                     # r8: the number so far
  mov r9, 10                    # r9: ten or sixteen
  cmp rax, '0'
  jne .digits
  movzx rdx, byte [r14]
  cmp rdx, 'x'
  je .hex
  cmp rdx, 'X'
  je .hex
  cmp rdx, '0'
  jl .last_digit
  cmp rdx, '9'
  jg .last_digit
  call fail
  db "octal numbers are not known", 0
.hex:
  mov r9, 16
  add r14, 1
  movzx rax, byte [r14]
  add r14, 1
  call hex_digit
  cmp rcx, 0
  jl .no_digit
  mov r8, rcx
  jmp .last_digit
.digits:
  lea rcx, [rax-'0']
  mov r8, rcx
.last_digit:
  movzx rax, byte [r14]
  call hex_digit
  cmp rcx, 0
  jl .digits_end
  cmp rcx, r9
  jge .digits_end
  cmp r9, 16
  je .sixteen
  cmp r8, [number_tenth]        # ten times more is still below 2 to the 63, or 8 above
  jg .large
  imul r8, r9
  add r8, rcx
  test r8, r8
  jl .large
  add r14, 1
  jmp .last_digit
.sixteen:
  mov rax, r8
  shr rax, 59
  jne .large
  shl r8, 4
  add r8, rcx
  add r14, 1
  jmp .last_digit
.digits_end:
  movzx rax, byte [r14]
  cmp rax, 'L'
  jne .no_suffix
  add r14, 1
  movzx rax, byte [r14]
.no_suffix:
  movzx rcx, byte [rax+class_of]
  cmp rcx, 3
  je .no_digit
  cmp rcx, 4
  je .no_digit
  cmp rax, '.'
  je .no_digit
  mov [token_number], r8
  ret
.no_digit:
  call fail
  db "not a number of this language", 0
.large:
  call fail
  db "the number is too large", 0

.character:
  movzx rax, byte [r14]
  cmp rax, '''
  je .empty
  call character
  mov [token_number], rax
  movzx rax, byte [r14]
  add r14, 1
  cmp rax, '''
  jne .open_character
  mov r13, t_number
  ret
.empty:
.open_character:
  call fail
  db "a character constant is one character between two '", 0

.string:
  mov r9, 0                     # r9: its length so far
.string_byte:
  movzx rax, byte [r14]
  cmp rax, '"'
  je .string_end
  call character
  cmp r9, token_text_most
  jge .long_string
  mov byte [r9+token_text], al
  add r9, 1
  jmp .string_byte
.string_end:
  add r14, 1
  mov [token_length], r9
  mov r13, t_string
  ret
.long_string:
  call fail
  db "a string of more than 65536 bytes", 0

# hex_digit: the value of the character rax into rcx, -1 if it has none
hex_digit:
  mov rcx, -1
  cmp rax, '0'
  jl .done
  cmp rax, '9'
  jle .decimal
  cmp rax, 'A'
  jl .done
  cmp rax, 'F'
  jle .capital
  cmp rax, 'a'
  jl .done
  cmp rax, 'f'
  jg .done
  lea rcx, [rax-'a'+10]
  ret
.capital:
  lea rcx, [rax-'A'+10]
  ret
.decimal:
  lea rcx, [rax-'0']
.done:
  ret

# character: the next character of a string or character constant, escapes undone, as a signed byte. Keeps r8 to r11.
character:
  movzx rax, byte [r14]
  add r14, 1
  cmp rax, 10
  je .open
  cmp rax, 0
  je .open
  cmp rax, '\'
  jne .done
  movzx rax, byte [r14]
  add r14, 1
  cmp rax, 'x'
  je .hex
  mov rdx, escapes
.escape:
  movzx rcx, byte [rdx]
  test rcx, rcx
  je .unknown
  add rdx, 2
  cmp rax, rcx
  jne .escape
  cmp rax, '0'
  je .nul
  movzx rax, byte [rdx-1]
.done:
  movsx rax, al
  ret
.nul:                           # \0, and no more digits: octal
  movzx rax, byte [r14]
  cmp rax, '0'
  jl .nul_alone
  cmp rax, '9'
  jle .unknown
.nul_alone:
  mov rax, 0
  ret
.hex:                           # \xHH
  movzx rax, byte [r14]
  call hex_digit
  cmp rcx, 0
  jl .unknown
  mov rdx, rcx
  shl rdx, 4
  movzx rax, byte [r14+1]
  call hex_digit
  cmp rcx, 0
  jl .unknown
  add rdx, rcx
  add r14, 2
  movzx rax, byte [r14]
  call hex_digit
  cmp rcx, 0
  jge .unknown
  mov rax, rdx
  jmp .done
.open:
  call fail
  db "the string or character constant does not end on its line", 0
.unknown:
  call fail
  db "unknown escape: there are \n \t \r \0 \a \b \f \v \\ \' \", 34, " and \xHH", 0

# a letter, what it stands for; a zero at the end
escapes: db 'n', 10, 't', 9, 'r', 13, '0', 0, 'a', 7, 'b', 8, 'f', 12, 'v', 11, '\', '\', ''', ''', '"', '"', 0

# wanted: the token at hand must be the sign rdi; goes on to the next
wanted:
  cmp r13, rdi
  je next
  push rdi
  call say_where
  lea rsi, [rsp]
  call say
  mov rsi, .text
  call say
  jmp fail_end
.text: db " is wanted here", 0

# one of 1 blank, 2 end of line, 3 letter, 4 digit, 5 a sign alone, 6 first of a sign, 7 ", 8 ', 9 zero, 0 none of them
class_of: db 9, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 1, 1, 1, 0, 0   # 0x00 …
          db 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0   # 0x10 …
          db 1, 6, 7, 0, 0, 6, 6, 8, 5, 5, 6, 6, 5, 6, 6, 6   # 0x20 …
          db 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 6, 6, 6, 5   # 0x30 …
          db 0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3   # 0x40 …
          db 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 5, 0, 5, 6, 3   # 0x50 …
          db 0, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3   # 0x60 …
          db 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 5, 6, 5, 5, 0   # 0x70 …
          db 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0   # 0x80 …
          db 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0   # 0x90 …
          db 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0   # 0xa0 …
          db 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0   # 0xb0 …
          db 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0   # 0xc0 …
          db 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0   # 0xd0 …
          db 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0   # 0xe0 …
          db 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0   # 0xf0 …

number_tenth: dq 922337203685477580
