/* cc1, values: the first of two parts that turn trees into machine code (values, generator): where a value is, how it is loaded,
   stored, pushed and converted. Both trust the trees' types and know neither tokens nor names.

   Where a value is, by its type:
     integers, pointers   rax, always widened to 64 bits as its type says (sign or zeros)
     float, double        xmm0
     long double          st0, the rest of the x87 stack empty
     struct, union        in memory, its address in rax
   rcx, rdx, rsi, rdi, xmm1 are for a moment only; what has to wait is pushed. All variables are in memory.

   Calls: every argument is pushed, the last one first, each in a multiple of 8 bytes; the caller takes them away. A struct
   result goes where a hidden first argument points. So a function's frame is

     rbp + 16 …   arguments, the first at 16
     rbp + 8      return address
     rbp          the caller's rbp
     below        locals

   rax, rcx, rdx, rsi, rdi, xmm and x87 registers are lost in a call, rbp and rsp are kept, the others are never used. */

/* Where gen_place left a place: [register + offset], or an object's address. */
enum { P_RAX = 0, P_RCX = 1, P_RBP = 5, P_OBJECT = 8 };

long place_base;
long place_offset;
struct Object *place_object;

/* Constants 2^63 and 2^64 as float, made when first needed. */
struct Object *two_63;
struct Object *two_64;

void gen(struct Node *n);
void gen_drop(struct Node *n);

/* The operand bytes of an instruction: register number `reg`, and the place. */
void operand(long reg)
{
  if (!fits_word(place_offset))
    fault("this offset is out of reach");
  if (place_base == P_OBJECT) {
    byte(reg * 8 + 4); /* [disp32], through an empty index byte */
    byte(0x25);
    address_word(place_object, place_offset);
  } else if (place_offset >= -128 && place_offset <= 127) {
    byte(0x40 + reg * 8 + place_base); /* [base + disp8] */
    byte(place_offset);
  } else {
    byte(0x80 + reg * 8 + place_base); /* [base + disp32] */
    word(place_offset);
  }
}

/* Loads an integer or pointer of type t from the place into register reg. */
void load(long reg, struct Type *t)
{
  switch (t->kind) {
  case K_CHAR: code("48 0f be"); break;            /* movsx r64, byte */
  case K_BOOL: case K_UCHAR: code("0f b6"); break; /* movzx r32, byte */
  case K_SHORT: code("48 0f bf"); break;           /* movsx r64, word */
  case K_USHORT: code("0f b7"); break;             /* movzx r32, word */
  case K_INT: code("48 63"); break;                /* movsxd r64, dword */
  case K_UINT: code("8b"); break;                  /* mov r32, dword */
  default: code("48 8b"); break;                   /* mov r64, qword */
  }
  operand(reg);
}

void store(long reg, struct Type *t)
{
  if (t->size == 1)
    code("88"); /* mov byte, r8 */
  else if (t->size == 2)
    code("66 89"); /* mov word, r16 */
  else if (t->size == 4)
    code("89"); /* mov dword, r32 */
  else
    code("48 89"); /* mov qword, r64 */
  operand(reg);
}

/* Loads whatever lies at the place to where values of its type are. */
void load_value(struct Type *t)
{
  if (t->kind == K_FLOAT) {
    code("f3 0f 10"); /* movss xmm0, dword */
    operand(0);
  } else if (t->kind == K_DOUBLE) {
    code("f2 0f 10"); /* movsd xmm0, qword */
    operand(0);
  } else if (t->kind == K_LDOUBLE) {
    code("db"); /* fld tbyte */
    operand(5);
  } else if (is_aggregate(t) || t->kind == K_ARRAY || t->kind == K_FUNCTION) {
    if (place_base == P_OBJECT) {
      code("b8"); /* mov eax, address */
      address_word(place_object, place_offset);
    } else if (place_base != P_RAX || place_offset) {
      code("48 8d"); /* lea rax, place */
      operand(0);
    }
  } else
    load(0, t);
}

void store_value(struct Type *t)
{
  if (t->kind == K_FLOAT) {
    code("f3 0f 11"); /* movss dword, xmm0 */
    operand(0);
  } else if (t->kind == K_DOUBLE) {
    code("f2 0f 11"); /* movsd qword, xmm0 */
    operand(0);
  } else if (t->kind == K_LDOUBLE) {
    code("d9 c0"); /* fld st0 */
    code("db"); /* fstp tbyte */
    operand(7);
  } else
    store(0, t);
}

/* mov rax or rcx, v in the shortest form */
void load_constant(long reg, long v)
{
  if (v == 0) {
    byte(0x31); /* xor r32, r32 */
    byte(0xc0 + reg * 9);
  } else if (v > 0 && v <= 0x7fffffff) {
    byte(0xb8 + reg); /* mov r32, imm32 */
    word(v);
  } else if (v < 0 && v >= -0x7fffffff) {
    code("48 c7"); /* mov r64, imm32 widened */
    byte(0xc0 + reg);
    word(v);
  } else {
    byte(0x48); /* mov r64, imm64 */
    byte(0xb8 + reg);
    word(v);
    word(v >> 32);
  }
}

/* Cuts rax to an integer type and widens it again. */
void cut(struct Type *t)
{
  switch (t->kind) {
  case K_CHAR: code("48 0f be c0"); break;            /* movsx rax, al */
  case K_BOOL: case K_UCHAR: code("0f b6 c0"); break; /* movzx eax, al */
  case K_SHORT: code("48 0f bf c0"); break;           /* movsx rax, ax */
  case K_USHORT: code("0f b7 c0"); break;             /* movzx eax, ax */
  case K_INT: code("48 63 c0"); break;                /* movsxd rax, eax */
  case K_UINT: code("89 c0"); break;                  /* mov eax, eax */
  }
}

/* Pushes the value; gives how many bytes that took. */
long push_value(struct Type *t)
{
  if (t->kind == K_FLOAT) {
    code("48 83 ec 08"); /* sub rsp, 8 */
    code("f3 0f 11 04 24"); /* movss [rsp], xmm0 */
  } else if (t->kind == K_DOUBLE) {
    code("48 83 ec 08"); /* sub rsp, 8 */
    code("f2 0f 11 04 24"); /* movsd [rsp], xmm0 */
  } else if (t->kind == K_LDOUBLE) {
    code("48 83 ec 10"); /* sub rsp, 16 */
    code("db 3c 24"); /* fstp tbyte [rsp] */
    return 16;
  } else if (t->kind != K_VOID)
    code("50"); /* push rax */
  else
    return 0;
  return 8;
}

/* The counterpart: the pushed value is the value again. */
void pop_value(struct Type *t)
{
  if (t->kind == K_FLOAT) {
    code("f3 0f 10 04 24"); /* movss xmm0, [rsp] */
    code("48 83 c4 08"); /* add rsp, 8 */
  } else if (t->kind == K_DOUBLE) {
    code("f2 0f 10 04 24"); /* movsd xmm0, [rsp] */
    code("48 83 c4 08"); /* add rsp, 8 */
  } else if (t->kind == K_LDOUBLE) {
    code("db 2c 24"); /* fld tbyte [rsp] */
    code("48 83 c4 10"); /* add rsp, 16 */
  } else if (t->kind != K_VOID)
    code("58"); /* pop rax */
}

/* Copies `size` bytes from [rcx] to [rax]; rax stays. */
void copy_struct(long size)
{
  long at = 0;
  if (size > 96) {
    code("48 89 c7"); /* mov rdi, rax */
    code("48 89 ce"); /* mov rsi, rcx */
    load_constant(1, size);
    code("f3 a4"); /* rep movsb */
    return;
  }
  while (size - at >= 8) {
    code("48 8b 51"); /* mov rdx, [rcx + at] */
    byte(at);
    code("48 89 50"); /* mov [rax + at], rdx */
    byte(at);
    at += 8;
  }
  while (at < size) {
    code("8a 51"); /* mov dl, [rcx + at] */
    byte(at);
    code("88 50"); /* mov [rax + at], dl */
    byte(at);
    at++;
  }
}

/* pointer + a constant that fits an instruction's offset */
long is_offset(struct Node *p)
{
  return p->op == N_ADD && is_pointer(p->type) && p->right->op == N_INTEGER && p->right->value < 0x1000000 && p->right->value > -0x1000000;
}

/* Whether gen_place needs no code for it. */
long is_direct(struct Node *n)
{
  struct Node *p;
  for (;;) {
    if (n->op == N_MEMBER)
      n = n->left;
    else if (n->op == N_DEREFERENCE) {
      p = n->left;
      if (is_offset(p))
        p = p->left;
      if (p->op != N_ADDRESS)
        return 0;
      n = p->left;
    } else
      return n->op == N_LOCAL || n->op == N_OBJECT;
  }
  return 0;
}

/* Makes place_* the place n stands for; what has to be computed for it ends in rax. */
void gen_place(struct Node *n)
{
  struct Node *p;
  if (n->op == N_LOCAL) {
    place_base = P_RBP;
    place_offset = n->value;
  } else if (n->op == N_OBJECT) {
    place_base = P_OBJECT;
    place_object = n->object;
    place_offset = n->value;
  } else if (n->op == N_MEMBER) {
    gen_place(n->left);
    place_offset += n->member->offset;
  } else if (n->op == N_DEREFERENCE) {
    p = n->left;
    if (p->op == N_ADDRESS)
      gen_place(p->left);
    else if (is_offset(p)) {
      if (p->left->op == N_ADDRESS)
        gen_place(p->left->left);
      else {
        gen(p->left);
        place_base = P_RAX;
        place_offset = 0;
      }
      place_offset += p->right->value;
    } else {
      gen(p);
      place_base = P_RAX;
      place_offset = 0;
    }
  } else {
    /* a struct that is a value: it lies somewhere */
    gen(n);
    place_base = P_RAX;
    place_offset = 0;
  }
}

/* Whether n can be loaded into any register by one instruction. */
long is_simple(struct Node *n)
{
  if (n->op == N_INTEGER)
    return 1;
  if (is_float(n->type) || !is_scalar(n->type) || is_bit_field(n))
    return 0;
  return is_direct(n);
}

void load_simple(long reg, struct Node *n)
{
  if (n->op == N_INTEGER)
    load_constant(reg, n->value);
  else {
    gen_place(n);
    load(reg, n->type);
  }
}

/* left to rax, right to rcx */
void gen_two(struct Node *left, struct Node *right)
{
  if (is_simple(right)) {
    gen(left);
    load_simple(1, right);
  } else {
    gen(right);
    code("50"); /* push rax */
    gen(left);
    code("59"); /* pop rcx */
  }
}

/* ---- bit-fields ---- */

/* rax from the unit in rax, widened */
void extract(struct Member *m)
{
  long left = 64 - m->shift - m->bits;
  if (left) {
    code("48 c1 e0"); /* shl rax, left */
    byte(left);
  }
  if (left + m->shift) {
    if (is_unsigned(m->type))
      code("48 c1 e8"); /* shr rax, … */
    else
      code("48 c1 f8"); /* sar rax, … */
    byte(left + m->shift);
  }
}

struct Type *unit_type(struct Member *m)
{
  return m->type->size == 1 ? &type_table[K_UCHAR] : m->type->size == 2 ? &type_table[K_USHORT] : m->type->size == 4 ? type_uint : type_ulong;
}

/* Stores rax into the field at the place (not based on rax) and leaves the field's new value in rax. */
void insert(struct Member *m)
{
  long mask = m->bits == 64 ? -1 : ((long)1 << m->bits) - 1;
  code("48 ba"); /* mov rdx, mask */
  word(mask);
  word(mask >> 32);
  code("48 21 d0"); /* and rax, rdx */
  if (m->shift) {
    code("48 c1 e0"); /* shl rax, shift */
    byte(m->shift);
    code("48 c1 e2"); /* shl rdx, shift */
    byte(m->shift);
  }
  code("48 f7 d2"); /* not rdx */
  load(6, unit_type(m)); /* rsi */
  code("48 21 d6"); /* and rsi, rdx */
  code("48 09 f0"); /* or rax, rsi */
  store(0, unit_type(m));
  extract(m);
}

/* ---- conversions ---- */

struct Object *float_constant(long bits)
{
  struct Object *o = make_object(0, 0);
  o->area = A_CONSTANTS;
  o->offset = reserve(A_CONSTANTS, 4, 4);
  store_bytes(constant_bytes + o->offset, bits, 4);
  return o;
}

void need_powers(void)
{
  if (two_63)
    return;
  two_63 = float_constant(0x5f000000);
  two_64 = float_constant(0x5f800000);
}

/* rax without sign to st0 */
void whole_to_long_double(struct Type *from)
{
  code("50"); /* push rax */
  code("df 2c 24"); /* fild qword [rsp] */
  if (from->size == 8 && is_unsigned(from)) {
    need_powers();
    code("48 85 c0"); /* test rax, rax */
    code("79 07"); /* jns over */
    code("d8 04 25"); /* fadd dword [2^64] */
    address_word(two_64, 0);
  }
  code("48 83 c4 08"); /* over: add rsp, 8 */
}

/* st0, cut towards 0, to rax */
void long_double_to_whole(void)
{
  code("48 83 ec 10"); /* sub rsp, 16 */
  code("d9 7c 24 08"); /* fnstcw [rsp + 8] */
  code("0f b7 44 24 08"); /* movzx eax, word [rsp + 8] */
  code("80 cc 0c"); /* or ah, 0x0c */
  code("66 89 44 24 0a"); /* mov [rsp + 10], ax */
  code("d9 6c 24 0a"); /* fldcw [rsp + 10] */
  code("df 3c 24"); /* fistp qword [rsp] */
  code("d9 6c 24 08"); /* fldcw [rsp + 8] */
  code("48 8b 04 24"); /* mov rax, [rsp] */
  code("48 83 c4 10"); /* add rsp, 16 */
}

/* The same for a result without sign of 64 bits: from 2^63 on, 2^63 is taken off first and put back as a bit. */
void long_double_to_unsigned(void)
{
  need_powers();
  code("d9 04 25"); /* fld dword [2^63] */
  address_word(two_63, 0);
  code("df e9"); /* fucomip st0, st1 */
  code("ba 00 00 00 00"); /* mov edx, 0 */
  code("77 0c"); /* ja over */
  code("d8 24 25"); /* fsub dword [2^63] */
  address_word(two_63, 0);
  code("ba 01 00 00 00"); /* mov edx, 1 */
  long_double_to_whole(); /* over: */
  code("48 c1 e2 3f"); /* shl rdx, 63 */
  code("48 31 d0"); /* xor rax, rdx */
}

/* xmm0 to st0 */
void to_long_double(struct Type *from)
{
  push_value(from);
  code(from->kind == K_FLOAT ? "d9 04 24" : "dd 04 24"); /* fld dword / qword [rsp] */
  code("48 83 c4 08"); /* add rsp, 8 */
}

/* st0 to xmm0 */
void from_long_double(struct Type *to)
{
  code("48 83 ec 08"); /* sub rsp, 8 */
  code(to->kind == K_FLOAT ? "d9 1c 24" : "dd 1c 24"); /* fstp dword / qword [rsp] */
  pop_value(to);
}

void gen_cast(struct Node *n)
{
  struct Type *to = n->type;
  struct Type *from = n->left->type;
  if (to->kind == K_VOID) {
    gen_drop(n->left);
    return;
  }
  gen(n->left);
  if (is_float(from)) {
    if (is_float(to)) {
      if (from->kind == K_LDOUBLE && to->kind != K_LDOUBLE)
        from_long_double(to);
      else if (to->kind == K_LDOUBLE && from->kind != K_LDOUBLE)
        to_long_double(from);
      else if (to->kind == K_DOUBLE && from->kind == K_FLOAT)
        code("f3 0f 5a c0"); /* cvtss2sd xmm0, xmm0 */
      else if (to->kind == K_FLOAT && from->kind == K_DOUBLE)
        code("f2 0f 5a c0"); /* cvtsd2ss xmm0, xmm0 */
    } else {
      if (to->kind == K_ULONG) {
        if (from->kind != K_LDOUBLE)
          to_long_double(from);
        long_double_to_unsigned();
      } else if (from->kind == K_LDOUBLE)
        long_double_to_whole();
      else
        code(from->kind == K_FLOAT ? "f3 48 0f 2c c0" : "f2 48 0f 2c c0"); /* cvttss2si / cvttsd2si rax, xmm0 */
      cut(to);
    }
  } else if (is_float(to)) {
    if (to->kind == K_LDOUBLE)
      whole_to_long_double(from);
    else if (from->size == 8 && is_unsigned(from)) {
      whole_to_long_double(from);
      from_long_double(to);
    } else
      code(to->kind == K_FLOAT ? "f3 48 0f 2a c0" : "f2 48 0f 2a c0"); /* cvtsi2ss / cvtsi2sd xmm0, rax */
  } else if (to->size < 8 && to->kind != from->kind)
    cut(to);
}
