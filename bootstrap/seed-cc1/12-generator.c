/* cc1, generator: machine code for operators, jumps, assignments, calls, whole trees. What it uses, and where values and arguments
   are, stands at the head of values. */

/* set… al, then the rest of eax 0 */
void set_on(long condition)
{
  byte(0x0f);
  byte(0x90 + condition);
  byte(0xc0);
  code("0f b6 c0"); /* movzx eax, al */
}

/* Condition numbers of the processor. */
enum { C_BELOW = 2, C_ABOVE_EQUAL = 3, C_EQUAL = 4, C_UNEQUAL = 5, C_BELOW_EQUAL = 6, C_ABOVE = 7, C_LESS = 12, C_LESS_EQUAL = 14 };

/* Compares two integers or pointers; gives the condition that says yes. */
long gen_compare(struct Node *n)
{
  long without = is_unsigned(n->left->type) && n->left->type->size == 8;
  if (n->right->op == N_INTEGER && fits_word(n->right->value)) {
    gen(n->left);
    if (n->right->value == 0 && (n->op == N_EQUAL || n->op == N_UNEQUAL))
      code("48 85 c0"); /* test rax, rax */
    else {
      code("48 3d"); /* cmp rax, imm32 */
      word(n->right->value);
    }
  } else {
    gen_two(n->left, n->right);
    code("48 39 c8"); /* cmp rax, rcx */
  }
  if (n->op == N_EQUAL)
    return C_EQUAL;
  if (n->op == N_UNEQUAL)
    return C_UNEQUAL;
  if (n->op == N_LESS)
    return without ? C_BELOW : C_LESS;
  return without ? C_BELOW_EQUAL : C_LESS_EQUAL;
}

void gen_float_two(struct Node *left, struct Node *right)
{
  struct Type *t = left->type;
  gen(right);
  push_value(t);
  gen(left);
  if (t->kind == K_LDOUBLE) {
    code("db 2c 24"); /* fld tbyte [rsp] */
    code("48 83 c4 10"); /* add rsp, 16 */
  } else {
    code(t->kind == K_FLOAT ? "f3 0f 10 0c 24" : "f2 0f 10 0c 24"); /* movss / movsd xmm1, [rsp] */
    code("48 83 c4 08"); /* add rsp, 8 */
  }
}

/* Comparisons of floating numbers: with a NaN, only != says yes. */
void gen_float_compare(struct Node *n)
{
  struct Type *t = n->left->type;
  long swapped = n->op == N_LESS || n->op == N_LESS_EQUAL;
  if (swapped)
    gen_float_two(n->right, n->left);
  else
    gen_float_two(n->left, n->right);
  if (t->kind == K_LDOUBLE) {
    code("d9 c9"); /* fxch st1 */
    code("df e9"); /* fucomip st0, st1 */
    code("dd d8"); /* fstp st0 */
  } else if (t->kind == K_FLOAT)
    code("0f 2e c1"); /* ucomiss xmm0, xmm1 */
  else
    code("66 0f 2e c1"); /* ucomisd xmm0, xmm1 */
  if (n->op == N_LESS)
    set_on(C_ABOVE);
  else if (n->op == N_LESS_EQUAL)
    set_on(C_ABOVE_EQUAL);
  else {
    code("0f 9a c1"); /* setp cl */
    if (n->op == N_EQUAL) {
      code("0f 94 c0"); /* sete al */
      code("80 f1 01"); /* xor cl, 1 */
      code("20 c8"); /* and al, cl */
    } else {
      code("0f 95 c0"); /* setne al */
      code("08 c8"); /* or al, cl */
    }
    code("0f b6 c0"); /* movzx eax, al */
  }
}

void gen_float_operator(struct Node *n)
{
  struct Type *t = n->type;
  gen_float_two(n->left, n->right);
  if (t->kind == K_LDOUBLE) {
    /* st1 op st0 */
    switch (n->op) {
    case N_ADD: code("de c1"); break;      /* faddp st1, st0 */
    case N_SUBTRACT: code("de e9"); break; /* fsubp st1, st0 */
    case N_MULTIPLY: code("de c9"); break; /* fmulp st1, st0 */
    default: code("de f9"); break;         /* fdivp st1, st0 */
    }
    return;
  }
  /* a prefix makes ..ps what it is for one float, ..ss, or one double, ..sd */
  code(t->kind == K_FLOAT ? "f3" : "f2");
  switch (n->op) {
  case N_ADD: code("0f 58 c1"); break;      /* addps xmm0, xmm1 */
  case N_SUBTRACT: code("0f 5c c1"); break; /* subps xmm0, xmm1 */
  case N_MULTIPLY: code("0f 59 c1"); break; /* mulps xmm0, xmm1 */
  default: code("0f 5e c1"); break;         /* divps xmm0, xmm1 */
  }
}

void gen_operator(struct Node *n)
{
  long wide = n->type->size == 8;
  long without = is_unsigned(n->type);
  if (is_float(n->left->type)) {
    if (n->op >= N_LESS && n->op <= N_UNEQUAL)
      gen_float_compare(n);
    else
      gen_float_operator(n);
    return;
  }
  if (n->op >= N_LESS && n->op <= N_UNEQUAL) {
    set_on(gen_compare(n));
    return;
  }
  if ((n->op == N_ADD || n->op == N_SUBTRACT) && n->right->op == N_INTEGER && fits_word(n->right->value)) {
    gen(n->left);
    code("48 05"); /* add rax, imm32 */
    word(n->op == N_ADD ? n->right->value : -n->right->value);
    cut(n->type);
    return;
  }
  if (n->op == N_MULTIPLY && n->right->op == N_INTEGER && fits_word(n->right->value)) {
    gen(n->left);
    code("48 69 c0"); /* imul rax, rax, imm32 */
    word(n->right->value);
    cut(n->type);
    return;
  }
  gen_two(n->left, n->right);
  switch (n->op) {
  case N_ADD: code("48 01 c8"); break;           /* add rax, rcx */
  case N_SUBTRACT: code("48 29 c8"); break;      /* sub rax, rcx */
  case N_MULTIPLY: code("48 0f af c1"); break;   /* imul rax, rcx */
  case N_AND: code("48 21 c8"); break;           /* and rax, rcx */
  case N_EXCLUSIVE: code("48 31 c8"); break;     /* xor rax, rcx */
  case N_OR: code("48 09 c8"); break;            /* or rax, rcx */
  case N_SHIFT_LEFT:
    code(wide ? "48 d3 e0" : "d3 e0"); /* shl rax / eax, cl */
    break;
  case N_SHIFT_RIGHT:
    if (without)
      code(wide ? "48 d3 e8" : "d3 e8"); /* shr rax / eax, cl */
    else
      code(wide ? "48 d3 f8" : "d3 f8"); /* sar rax / eax, cl */
    break;
  default:
    if (without) {
      code("31 d2"); /* xor edx, edx */
      code("48 f7 f1"); /* div rcx */
    } else {
      code("48 99"); /* cqo */
      code("48 f7 f9"); /* idiv rcx */
    }
    if (n->op == N_REMAINDER)
      code("48 89 d0"); /* mov rax, rdx */
    break;
  }
  cut(n->type);
}

/* Jumps to l if the truth of n is `when`, else goes on. */
void gen_branch(struct Node *n, struct Label *l, long when)
{
  struct Label *over;
  long condition;
  if (n->op == N_NOT) {
    gen_branch(n->left, l, !when);
    return;
  }
  if (n->op == N_INTEGER) {
    if ((n->value != 0) == when)
      jump(l);
    return;
  }
  if (n->op == N_BOTH || n->op == N_EITHER) {
    if ((n->op == N_EITHER) == when) {
      gen_branch(n->left, l, when);
      gen_branch(n->right, l, when);
    } else {
      over = make_label();
      gen_branch(n->left, over, !when);
      gen_branch(n->right, l, when);
      place_label(over);
    }
    return;
  }
  if (n->op >= N_LESS && n->op <= N_UNEQUAL && !is_float(n->left->type))
    condition = gen_compare(n);
  else {
    gen(n);
    code("48 85 c0"); /* test rax, rax */
    condition = C_UNEQUAL;
  }
  byte(0x0f); /* j… l */
  byte(0x80 + (when ? condition : condition ^ 1));
  distance_to(l);
}

void gen_assign(struct Node *n)
{
  struct Node *to = n->left;
  struct Node *from = n->right;
  struct Type *t = to->type;
  long offset;
  if (is_aggregate(t)) {
    gen(from);
    if (is_direct(to))
      code("48 89 c1"); /* mov rcx, rax */
    else
      code("50"); /* push rax */
    gen_place(to);
    if (!is_direct(to)) {
      load_value(t);
      code("59"); /* pop rcx */
    } else
      load_value(t);
    copy_struct(t->size);
    return;
  }
  if (is_direct(to)) {
    gen(from);
    gen_place(to);
  } else if (is_simple(from) && !is_bit_field(to)) {
    gen_place(to);
    offset = place_offset;
    load_simple(1, from);
    place_base = P_RAX;
    place_offset = offset;
    store(1, t);
    code("48 89 c8"); /* mov rax, rcx */
    return;
  } else {
    gen_place(to);
    offset = place_offset;
    code("50"); /* push rax */
    gen(from);
    code("59"); /* pop rcx */
    place_base = P_RCX;
    place_offset = offset;
  }
  if (is_bit_field(to))
    insert(to->member);
  else
    store_value(t);
}

/* Pushes the arguments of a call, the last one first; gives their bytes. */
long gen_arguments(struct Node *a)
{
  long bytes;
  long size;
  if (!a)
    return 0;
  bytes = gen_arguments(a->next);
  gen(a);
  if (is_aggregate(a->type)) {
    size = (a->type->size + 7) & ~7;
    code("48 89 c1"); /* mov rcx, rax */
    code("48 81 ec"); /* sub rsp, size */
    word(size);
    code("48 89 e0"); /* mov rax, rsp */
    copy_struct(a->type->size);
  } else
    size = push_value(a->type);
  if (bytes + size > SIZE_LIMIT)
    fault("the arguments of this call are too large");
  return bytes + size;
}

/* left: the function, right: the arguments */
void gen_call(struct Node *n)
{
  long bytes = gen_arguments(n->right);
  struct Node *f = n->left;
  if (is_aggregate(n->type)) {
    code("48 8d 85"); /* lea rax, [rbp + where the result goes] */
    word(n->value);
    code("50"); /* push rax */
    bytes += 8;
  }
  if (f->op == N_ADDRESS && f->left->op == N_OBJECT && f->left->type->kind == K_FUNCTION) {
    code("e8"); /* call */
    near_word(f->left->object);
  } else {
    gen(f);
    code("ff d0"); /* call rax */
  }
  if (bytes) {
    code("48 81 c4"); /* add rsp, bytes */
    word(bytes);
  }
}

void gen_float_constant(struct Node *n)
{
  char bytes[16];
  struct Object *o;
  long i;
  load_float(n);
  store_float(bytes, n->type->size, n->negative);
  if (n->type->kind == K_LDOUBLE) {
    o = make_object(0, n->type);
    o->area = A_CONSTANTS;
    o->offset = reserve(A_CONSTANTS, 16, 16);
    copy_bytes(constant_bytes + o->offset, bytes, 16);
    code("db 2c 25"); /* fld tbyte [constant] */
    address_word(o, 0);
    return;
  }
  if (n->type->kind == K_DOUBLE)
    code("48 b8"); /* mov rax, imm64 */
  else
    code("b8"); /* mov eax, imm32 */
  for (i = 0; i < n->type->size; i++)
    byte(bytes[i]);
  if (n->type->kind == K_DOUBLE)
    code("66 48 0f 6e c0"); /* movq xmm0, rax */
  else
    code("66 0f 6e c0"); /* movd xmm0, eax */
}

/* Code for the value of n. */
void gen(struct Node *n)
{
  struct Label *other;
  struct Label *end;
  switch (n->op) {
  case N_INTEGER:
    load_constant(0, n->value);
    break;
  case N_FLOAT:
    gen_float_constant(n);
    break;
  case N_LOCAL: case N_OBJECT: case N_DEREFERENCE: case N_MEMBER:
    gen_place(n);
    if (is_bit_field(n)) {
      load(0, unit_type(n->member));
      extract(n->member);
    } else
      load_value(n->type);
    break;
  case N_ADDRESS:
    gen_place(n->left);
    if (place_base == P_OBJECT) {
      code("b8"); /* mov eax, address */
      address_word(place_object, place_offset);
    } else if (place_base != P_RAX || place_offset) {
      code("48 8d"); /* lea rax, place */
      operand(0);
    }
    break;
  case N_CAST:
    gen_cast(n);
    break;
  case N_NEGATE:
    gen(n->left);
    if (n->type->kind == K_LDOUBLE)
      code("d9 e0"); /* fchs */
    else if (n->type->kind == K_DOUBLE) {
      code("66 48 0f 7e c0"); /* movq rax, xmm0 */
      code("48 0f ba f8 3f"); /* btc rax, 63 */
      code("66 48 0f 6e c0"); /* movq xmm0, rax */
    } else if (n->type->kind == K_FLOAT) {
      code("66 0f 7e c0"); /* movd eax, xmm0 */
      code("0f ba f8 1f"); /* btc eax, 31 */
      code("66 0f 6e c0"); /* movd xmm0, eax */
    } else {
      code("48 f7 d8"); /* neg rax */
      cut(n->type);
    }
    break;
  case N_COMPLEMENT:
    gen(n->left);
    code("48 f7 d0"); /* not rax */
    cut(n->type);
    break;
  case N_NOT:
    gen(n->left);
    code("48 85 c0"); /* test rax, rax */
    set_on(C_EQUAL);
    break;
  case N_BOTH: case N_EITHER:
    other = make_label();
    end = make_label();
    gen_branch(n, other, 0);
    load_constant(0, 1);
    jump(end);
    place_label(other);
    load_constant(0, 0);
    place_label(end);
    break;
  case N_CHOICE:
    other = make_label();
    end = make_label();
    gen_branch(n->left, other, 0);
    gen(n->right);
    jump(end);
    place_label(other);
    gen(n->third);
    place_label(end);
    break;
  case N_COMMA:
    gen_drop(n->left);
    gen(n->right);
    break;
  case N_ASSIGN:
    gen_assign(n);
    break;
  case N_FIRST:
    gen(n->left);
    push_value(n->type);
    gen_drop(n->right);
    pop_value(n->type);
    break;
  case N_CALL:
    gen_call(n);
    break;
  default:
    gen_operator(n);
    break;
  }
}

/* Code for n, its value not wanted. */
void gen_drop(struct Node *n)
{
  if (n->op == N_FIRST) {
    gen_drop(n->right);
    return;
  }
  if (n->op == N_COMMA) {
    gen_drop(n->left);
    gen_drop(n->right);
    return;
  }
  if (is_simple(n))
    return;
  gen(n);
  if (n->type->kind == K_LDOUBLE)
    code("dd d8"); /* fstp st0 */
}
