/* cc1, expressions: from tokens to trees. The grammar stands above each function; what C's rules make of the parts is the business
   of trees. */

struct Node *expression(void);
struct Node *assignment(void);
struct Node *operand_cast(void);
struct Type *type_name(void);
long begins_type(void);

/* arguments = [assignment { `,` assignment }] `)`, checked against the function's parameters */
struct Node *call(struct Node *f)
{
  struct Type *t;
  struct Parameter *p;
  struct Node *first = 0;
  struct Node *last = 0;
  struct Node *a;
  struct Node *n;
  long depth = 0;
  long count = 0;
  f = decay(f);
  if (!is_pointer(f->type) || f->type->base->kind != K_FUNCTION)
    fault("only a function can be called");
  t = f->type->base;
  p = t->parameters;
  while (token.kind != ')') {
    a = decay(assignment());
    if (p) {
      a = assign_cast(a, p->type, "argument");
      p = p->next;
    } else {
      if (!t->variadic && !t->open)
        fault("more arguments than this function has parameters");
      if (a->type->kind == K_FLOAT)
        a = cast(a, type_double);
      else if (is_integer(a->type))
        a = promote(a);
      else if (!is_scalar(a->type) && !is_aggregate(a->type))
        fault("this argument has no value");
    }
    count++;
    if (a->depth + count > depth)
      depth = a->depth + count;
    if (last)
      last->next = a;
    else
      first = a;
    last = a;
    if (token.kind != ',')
      break;
    next();
    if (token.kind == ')')
      unexpected(": an argument must stand here");
  }
  want(')', ": ',' or ')' must stand here");
  if (p)
    fault("fewer arguments than this function has parameters");
  if (t->base->size < 0 && t->base->kind != K_VOID)
    fault("the type of this function's result has no size");
  n = make_node(N_CALL, t->base, f, first);
  if (depth > n->depth)
    n->depth = depth;
  if (depth > DEPTH_LIMIT)
    fault("this call is too deep");
  if (is_aggregate(t->base))
    n->value = reserve_local(t->base->size, 8);
  return n;
}

/* postfix = primary { `[` expression `]` | `(` arguments | `.` name | `->` name | `++` | `--` } */
struct Node *postfix(struct Node *n)
{
  struct Node *m;
  for (;;) {
    switch (token.kind) {
    case '[':
      next();
      nest();
      n = dereference(binary(N_ADD, n, expression()));
      nesting--;
      want(']', ": ']' must stand here");
      break;
    case '(':
      next();
      nest();
      n = call(n);
      nesting--;
      break;
    case '.': case T_ARROW:
      if (token.kind == T_ARROW)
        n = dereference(n);
      next();
      if (!is_aggregate(n->type))
        fault("only a struct or union has members");
      if (token.kind != T_NAME)
        unexpected(": a member's name must stand here");
      if (n->type->size < 0)
        fault("the members of this struct or union are not known here");
      m = member_of(n, token.name);
      if (!m)
        fault_about("no member ", token.name->text, "");
      n = m;
      next();
      break;
    case T_INCREMENT:
      n = step_after(n, 1);
      next();
      break;
    case T_DECREMENT:
      n = step_after(n, -1);
      next();
      break;
    default:
      return n;
    }
  }
  return n;
}

/* primary = name | number | character | text { text } | `(` expression `)`, the last in unary() */
struct Node *primary(void)
{
  struct Symbol *s;
  struct Node *n;
  switch (token.kind) {
  case T_NUMBER:
    return number();
  case T_CHARACTER:
    n = integer_node(character_value(&token), type_int);
    next();
    return n;
  case T_TEXT:
    return text_constant();
  case T_NAME:
    s = token.name->symbol;
    if (!s)
      fault_about("", token.name->text, " is not declared");
    if (s->kind == S_TYPE)
      fault_about("", token.name->text, " is a type, no value");
    if (s->kind == S_CONSTANT)
      n = integer_node(s->value, s->type);
    else if (s->kind == S_LOCAL)
      n = local_node(s->value, s->type);
    else
      n = object_node(s->object, s->type);
    next();
    return n;
  }
  unexpected(": an expression must stand here");
  return 0;
}

long size_of(struct Type *t)
{
  if (t->size < 0)
    fault("sizeof: this type has no size");
  return t->size;
}

/* unary = (`++`|`--`) unary | (`&`|`*`|`+`|`-`|`~`|`!`) cast | `sizeof` (unary | `(` type `)`) | `(` expression `)` postfix | primary postfix
   cast  = `(` type `)` cast | unary */
struct Node *operand_cast(void)
{
  struct Node *n;
  struct Type *t;
  long kind = token.kind;
  long frame;
  long texts;
  nest();
  switch (kind) {
  case '(':
    next();
    if (begins_type()) {
      t = type_name();
      want(')', ": ')' must stand here");
      if (token.kind == '{')
        fault("a value of a type in braces is not supported");
      n = cast(operand_cast(), t);
    } else {
      n = expression();
      want(')', ": ')' must stand here");
      n = postfix(n);
    }
    break;
  case T_INCREMENT: case T_DECREMENT:
    next();
    n = operand_cast();
    n = assign_with(N_ADD, n, integer_node(kind == T_INCREMENT ? 1 : -1, type_int));
    break;
  case '&':
    next();
    n = operand_cast();
    if (is_bit_field(n))
      fault("a bit-field has no address");
    if (!is_place(n) && n->type->kind != K_FUNCTION)
      fault("only a variable or a function has an address");
    n = address_of(n, n->type);
    break;
  case '*':
    next();
    n = operand_cast();
    n = dereference(n);
    break;
  case '+':
    next();
    n = operand_cast();
    if (!is_arithmetic(n->type))
      fault("this operator does not take an operand of this type");
    n = promote(n);
    if (is_place(n))
      n = make_node(N_COMMA, n->type, integer_node(0, type_int), n);
    break;
  case '-':
    next();
    n = unary(N_NEGATE, operand_cast());
    break;
  case '~':
    next();
    n = unary(N_COMPLEMENT, operand_cast());
    break;
  case '!':
    next();
    n = unary(N_NOT, operand_cast());
    break;
  case W_SIZEOF:
    next();
    if (token.kind == '(') {
      next();
      if (begins_type()) {
        n = integer_node(size_of(type_name()), type_ulong);
        want(')', ": ')' must stand here");
        break;
      }
      frame = frame_used;
      texts = constants_size;
      n = expression();
      want(')', ": ')' must stand here");
      n = postfix(n);
    } else {
      frame = frame_used;
      texts = constants_size;
      n = operand_cast();
    }
    if (is_bit_field(n))
      fault("sizeof: a bit-field has no size");
    n = integer_node(size_of(n->type), type_ulong);
    frame_used = frame;
    release_constants(texts); /* what was measured is not part of the program */
    break;
  default:
    n = postfix(primary());
    break;
  }
  nesting--;
  return n;
}

long node_operator(long kind)
{
  switch (kind) {
  case '*': case T_SET_MULTIPLY: return N_MULTIPLY;
  case '/': case T_SET_DIVIDE: return N_DIVIDE;
  case '%': case T_SET_REMAINDER: return N_REMAINDER;
  case '+': case T_SET_ADD: return N_ADD;
  case '-': case T_SET_SUBTRACT: return N_SUBTRACT;
  case T_SHIFT_LEFT: case T_SET_SHIFT_LEFT: return N_SHIFT_LEFT;
  case T_SHIFT_RIGHT: case T_SET_SHIFT_RIGHT: return N_SHIFT_RIGHT;
  case '<': case '>': return N_LESS;
  case T_LESS_EQUAL: case T_GREATER_EQUAL: return N_LESS_EQUAL;
  case T_EQUAL: return N_EQUAL;
  case T_UNEQUAL: return N_UNEQUAL;
  case '&': case T_SET_AND: return N_AND;
  case '^': case T_SET_EXCLUSIVE: return N_EXCLUSIVE;
  case '|': case T_SET_OR: return N_OR;
  }
  return 0;
}

/* a && b, a || b; with a known a, b does not count */
struct Node *logical(long op, struct Node *a, struct Node *b)
{
  a = truth(a);
  b = truth(b);
  if (a->op == N_INTEGER) {
    if ((a->value != 0) == (op == N_EITHER))
      return integer_node(op == N_EITHER, type_int);
    if (b->op == N_INTEGER)
      return integer_node(b->value != 0, type_int);
  }
  return make_node(op, type_int, a, b);
}

/* sides = cast { operator cast }, operators binding at least so tightly: * / %  over  + -  over  << >>  over  < > <= >=  over
   == !=  over  &  over  ^  over  |  over  &&  over  || */
struct Node *sides(long strength)
{
  struct Node *a = operand_cast();
  struct Node *b;
  long kind;
  long binds;
  for (;;) {
    kind = token.kind;
    binds = operator_strength(kind);
    if (binds == 0 || binds < strength)
      return a;
    next();
    b = sides(binds + 1);
    if (kind == T_AND)
      a = logical(N_BOTH, a, b);
    else if (kind == T_OR)
      a = logical(N_EITHER, a, b);
    else if (kind == '>' || kind == T_GREATER_EQUAL)
      a = binary(node_operator(kind), b, a);
    else
      a = binary(node_operator(kind), a, b);
  }
  return a;
}

/* The type of c ? a : b */
struct Node *choose(struct Node *c, struct Node *a, struct Node *b)
{
  struct Node *n;
  struct Type *t;
  c = truth(c);
  a = decay(a);
  b = decay(b);
  if (is_arithmetic(a->type) && is_arithmetic(b->type)) {
    t = common_type(a, b);
    a = cast(is_float(t) ? a : promote(a), t);
    b = cast(is_float(t) ? b : promote(b), t);
  } else if (a->type->kind == K_VOID || b->type->kind == K_VOID) {
    t = type_void;
    a = cast(a, t);
    b = cast(b, t);
  } else if (is_aggregate(a->type) || is_aggregate(b->type)) {
    t = a->type;
    if (t != b->type)
      fault("the two sides of ':' have different types");
  } else {
    if (is_pointer(a->type) && (is_null(b) || !is_pointer(b->type)))
      t = a->type;
    else if (is_pointer(b->type) && (is_null(a) || !is_pointer(a->type)))
      t = b->type;
    else
      t = b->type->base->kind == K_VOID ? b->type : a->type;
    a = assign_cast(a, t, "?:");
    b = assign_cast(b, t, "?:");
  }
  if (c->op == N_INTEGER) {
    n = c->value ? a : b;
    if (is_place(n))
      n = make_node(N_COMMA, t, integer_node(0, type_int), n);
    return n;
  }
  n = make_node(N_CHOICE, t, c, a);
  n->third = b;
  if (b->depth >= n->depth)
    n->depth = b->depth + 1;
  return n;
}

/* choice = sides [`?` expression `:` choice] */
struct Node *choice(void)
{
  struct Node *c = sides(1);
  struct Node *a;
  struct Node *b;
  if (token.kind != '?')
    return c;
  next();
  nest();
  a = expression();
  want(':', ": ':' must stand here");
  b = choice();
  nesting--;
  return choose(c, a, b);
}

/* assignment = choice [(`=`|`*=`|`/=`|`%=`|`+=`|`-=`|`<<=`|`>>=`|`&=`|`^=`|`|=`) assignment] */
struct Node *assignment(void)
{
  struct Node *n = choice();
  long kind = token.kind;
  if (kind == '=') {
    next();
    nest();
    n = assign(n, assignment());
    nesting--;
  } else if (kind >= T_SET_MULTIPLY && kind <= T_SET_OR) {
    next();
    nest();
    n = assign_with(node_operator(kind), n, assignment());
    nesting--;
  }
  return n;
}

/* expression = assignment { `,` assignment } */
struct Node *expression(void)
{
  struct Node *n = assignment();
  struct Node *m;
  while (token.kind == ',') {
    next();
    m = decay(assignment());
    if (is_bit_field(m))
      m = promote(m);
    n = make_node(N_COMMA, m->type, n, m);
  }
  return n;
}

/* A choice whose value is known at compile time. */
long constant_expression(void)
{
  struct Node *n = choice();
  struct Object *object;
  long value;
  if (!is_integer(n->type) || !is_constant(n, &object, &value) || object)
    fault("this must be a whole number known at compile time");
  return value;
}
