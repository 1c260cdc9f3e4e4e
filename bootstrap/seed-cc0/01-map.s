# cc0: a compiler for a small part of C90, written in the assembly of seed-asm. The files are assembled in order, as one
# program; this first one holds the language, the memory map, the records and the file header.
#
#   cc0 OUT A.c B.c ...   compiles A.c, B.c ... in order, as one program, and writes OUT: a static ELF program, x86_64 Linux
#
# Exit status 0: OUT is whole. Exit status 1: one line FILE:LINE: reason on standard error, LINE being that of the token
# looked at; OUT was not opened (or cut to nothing, when the disk filled up). Every program of this language is one of C90
# (gcc -std=gnu89 -fwrapv) with the same meaning, so long as its constants, which gcc takes for int, do not overflow there.
# cc0 does not compile itself, it is no C: a change to it is checked by seed-asm and by what gcc makes of the same programs.
#
# The language. There is no preprocessor; /* ... */ is a comment. Words are as in C; names have 63 characters at most.
#   program     = { declaration }
#   declaration = [ "static" ] base declarator { "," declarator } ";"
#               | [ "static" ] base { "*" } name "(" parameters ")" ( ";" | block )
#               | "struct" name [ "{" member { member } "}" ] ";"
#               | "enum" "{" name [ "=" constant ] { "," name [ "=" constant ] } [ "," ] "}" ";"
#   base        = "long" | "char" | "void" | "struct" name          long 64 bits, char 8 bits and signed; void no variable
#   declarator  = { "*" } name [ "=" constant ]                     constant: also an address or a string, and 0
#               | { "*" } name "[" [ constant ] "]" [ "=" ( string | "{" constant { "," constant } [ "," ] "}" ) ]
#   parameters  = "void" | base { "*" } name { "," base { "*" } name }      long and pointers only
#   member      = base { "*" } name [ "[" constant "]" ] { "," { "*" } name [ "[" constant "]" ] } ";"
#   block       = "{" { local } { statement } "}"
#   local       = base place { "," place } ";"          place = { "*" } name [ "[" constant "]" | "=" expression ]
#   statement   = block | [ expression ] ";" | "break" ";" | "continue" ";" | "return" [ expression ] ";"
#               | "if" "(" expression ")" statement [ "else" statement ] | "while" "(" expression ")" statement
#               | "do" statement "while" "(" expression ")" ";" | "switch" "(" expression ")" statement
#               | "for" "(" [ expression ] ";" [ expression ] ";" [ expression ] ")" statement
#               | "case" constant ":" statement | "default" ":" statement
#   expression  = choice [ ( "=" | "+=" | "-=" | "*=" | "/=" | "%=" | "&=" | "|=" | "^=" | "<<=" | ">>=" ) expression ]
#   choice      = binary [ "?" expression ":" choice ]  constant = choice, without anything to be done at run time
#   binary      = unary { operator unary }              || && | ^ & == != < <= > >= << >> + - * / %, ranked as in C
#   unary       = ( "-" | "~" | "!" | "+" | "*" | "&" | "++" | "--" ) unary | "(" base { "*" } ")" unary
#               | "sizeof" "(" base { "*" } ")" | term
#   term        = ( number | string { string } | name | name "(" [ expression { "," expression } ] ")" | "(" expression ")" )
#                 { "[" expression "]" | "." name | "->" name | "++" | "--" }
#   number      = digits [ "L" ] | "0x" hex digits [ "L" ] | character constant           below 2 to the power of 63
#
# A name is declared before it is used; a function may be called between its prototype and its body. One function is there
# already: long sys(long number, long a, long b, long c), a system call of Linux. The program begins at
# long main(long argc, char **argv), whose result is its exit status.
#
# Refused, besides all that the grammar does not have: names not declared, declared twice or otherwise; numbers where
# pointers are wanted and the other way, pointers to something else (0 and void * fit all); structs as values; too few or
# too many arguments; assignments to what is no object; constants divided by zero; sources nested so deep that 4 MiB of
# stack do not do; more than 4 MiB in a source, 48 MiB of names, 16 MiB each of code, strings, data, 1536 MiB of variables.
#
# Registers that keep their meaning throughout:
#   r13  the token at hand                   r12  what the expression so far is: one of k_...
#   r14  next byte of the source             rbx  its type
#   r15  where the next byte of code goes    rbp  its number: a constant, or where the object lies
# All other registers are lost in any call, except where a function says otherwise. A function takes rdi, rsi and gives
# rax. Type: the address of a record (size, alignment, members), plus one for each `*`; records lie 16 bytes apart or more.

# ---- memory map
memory = 0x10000000
out_name = memory + 0x00        # argv[1]
next_file = memory + 0x08       # place in argv of the next source file
file_name = memory + 0x10       # of the source at hand; 0 before the first
line = memory + 0x18            # of the token at hand
source_end = memory + 0x20      # where the zero after the source lies
token_number = memory + 0x28    # value of a number
token_name = memory + 0x30      # record of a name
token_length = memory + 0x38    # of a string
about = memory + 0x40           # record of the name an error is about
stack_limit = memory + 0x48     # rsp is kept above
heap_next = memory + 0x50
strings_next = memory + 0x58
data_next = memory + 0x60
bss_next = memory + 0x68        # an address of the program made, not of cc0
globals = memory + 0x70         # symbols declared in the block at hand and those around it, latest first
scope = memory + 0x78           # depth of blocks; 0 outside of functions
frame = memory + 0x80           # bytes of locals in use
frame_most = memory + 0x88      # the most of them
function = memory + 0x90        # symbol of the function being compiled
breaks = memory + 0x98          # jumps to the end of the loop or switch
continues = memory + 0xa0       # jumps to the next round of the loop
in_breakable = memory + 0xa8    # how many loops and switches there are around
in_loop = memory + 0xb0
in_switch = memory + 0xb8
cases = memory + 0xc0           # of the innermost switch, in order
cases_last = memory + 0xc8      # where the next one is linked in
default_at = memory + 0xd0      # place of its default, or 0
left_kind = memory + 0xd8       # the left side of an operator
left_type = memory + 0xe0
left_number = memory + 0xe8
left_end = memory + 0xf0        # r15 when it had been pushed
operator = memory + 0xf8        # row of the table of operators
result_type = memory + 0x100
scale_left = memory + 0x108     # sizes that pointer arithmetic multiplies or divides by
scale_right = memory + 0x110
scale_result = memory + 0x118
main_call = memory + 0x120      # the jump to main that the start of every program has
joined_next = memory + 0x128    # where the next piece of a string goes
parameters = memory + 0x130     # of the function being declared: items
parameters_last = memory + 0x138 # where the next one is linked in
base_void = memory + 0x200      # records of the three types every program has
base_char = memory + 0x240
base_long = memory + 0x280
buckets = memory + 0x1000       # 4096 lists of names
token_text = memory + 0x10000   # bytes of a string
token_text_most = 0x10000
source = memory + 0x100000      # the file at hand
source_most = 0x400000
heap = memory + 0x1000000       # names, symbols, types: never given back
heap_end = heap + 0x3000000
code = memory + 0x4000000       # the program made: header and code,
code_end = code + 0x1000000
strings = memory + 0x5000000    # its string constants,
strings_end = strings + 0x1000000
data = memory + 0x6000000       # its variables that have a value at the start
data_end = data + 0x1000000
memory_end = data_end + 0x1000

# ---- where the program made lies
to_code = 0x400000
to_strings = 0x2000000
to_data = 0x3000000
to_bss = 0x4000000
to_bss_end = 0x64000000

type_void = base_void
type_char = base_char
type_long = base_long


# ---- tokens. A sign is its own token: the number its characters make, the first in the lowest byte (`<` is 0x3c,
# `<=` is 0x3d3c). Below 32 are the tokens that are no signs.
t_end = 0
t_number = 1                    # value in [token_number]
t_string = 2                    # bytes in token_text, [token_length] of them
t_name = 3                      # record in [token_name]
k_break = 4
k_case = 5
k_char = 6
k_continue = 7
k_default = 8
k_do = 9
k_else = 10
k_enum = 11
k_for = 12
k_if = 13
k_long = 14
k_return = 15
k_sizeof = 16
k_static = 17
k_struct = 18
k_switch = 19
k_void = 20
k_while = 21


# ---- records

# record of a name: one for each spelling
name_next = 0                   # in the same bucket
name_symbol = 8                 # what it means at the moment, or 0
name_tag = 16                   # record of `struct NAME`, or 0
name_keyword = 24               # k_…, or 0
name_length = 32
name_text = 40                  # and a zero
name_most = 63

# record of a type
record_size = 0                 # in bytes
record_align = 8
record_members = 16             # list of items
record_whole = 24               # 1 when size and members are known
record_name = 32
record_bytes = 40

# item: a member of a struct, or a parameter
item_next = 0
item_type = 8                   # of the elements, for an array
item_count = 16                 # of elements; -1: no array
item_number = 24                # offset in the struct
item_name = 32
item_size = 40

# symbol: what a name means in the block at hand
symbol_kind = 0                 # s_…
symbol_type = 8                 # of the object, of the elements for an array, of the result for a function
symbol_number = 16              # value, offset from the frame pointer, address, or place of the code (0: none yet)
symbol_list = 24                # parameters of a function: items
symbol_count = 32               # elements of an array; -1: no array
symbol_calls = 40               # jumps to a function that has no body yet
symbol_name = 48
symbol_shadowed = 56            # symbol of the same name further out, or 0
symbol_before = 64              # symbol declared before this one
symbol_scope = 72               # depth of the block
symbol_bytes = 80
s_constant = 1
s_local = 2
s_global = 3
s_function = 4

# case of a switch
case_next = 0
case_value = 8
case_at = 16                    # place of its code
case_bytes = 24

# row of the table of operators
op_sign = 0                     # token
op_rank = 8                     # binds the stronger the larger it is
op_begin = 16                   # instructions that make rax of rax (left) and rcx (right), from here
op_end = 24                     # up to here
op_class = 32                   # 0 numbers only, 1 comparison, 2 plus, 3 minus, 4 logical
op_bytes = 40

# ---- the expression so far: r12, rbx, rbp
k_value = 0                     # its value is in rax when the program runs
k_number = 1                    # a constant, rbp; nothing was put
k_local = 2                     # an object at rbp from the frame pointer
k_global = 3                    # an object at address rbp
k_indirect = 4                  # an object rbp after the address in rax
k_flags = 5                     # 1 if the condition rbp (as in `jCC`) holds, else 0

image = 0x400000

# ---- ELF header (System V ABI)
                db 0x7f, "ELF", 2, 1, 1, 0      # magic, 64 bits, little-endian, version 1, System V
                dq 0                            # padding
                dw 2, 62                        # e_type = ET_EXEC, e_machine = EM_X86_64
                dd 1                            # e_version
                dq start                        # e_entry
                dq 64, 0                        # e_phoff, e_shoff: no sections
                dd 0                            # e_flags
                dw 64, 56, 2, 64, 0, 0          # e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx
# ---- program header: this file, read and run
                dd 1, 5                         # p_type = PT_LOAD, p_flags = PF_R | PF_X
                dq 0, image, image              # p_offset, p_vaddr, p_paddr
                dq end - image, end - image     # p_filesz, p_memsz
                dq 4096                         # p_align
# ---- program header: memory, all zero at the start
                dd 1, 6                         # p_flags = PF_R | PF_W
                dq 0, memory, memory
                dq 0, memory_end - memory
                dq 4096
