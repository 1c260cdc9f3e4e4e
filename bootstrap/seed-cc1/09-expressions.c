/* cc1, part 9: expressions, from tokens to trees. The grammar stands above each function; what C's rules make of the parts is
   part 7's business. `token` is the token to be read next; `next` goes on, `peek` looks one further. */

enum {
  W_AUTO = 200, W_BOOL, W_BREAK, W_CASE, W_CHAR, W_CONST, W_CONTINUE, W_DEFAULT, W_DO, W_DOUBLE, W_ELSE, W_ENUM, W_EXTERN, W_FLOAT,
  W_FOR, W_GOTO, W_IF, W_INLINE, W_INT, W_LONG, W_REGISTER, W_RETURN, W_SHORT, W_SIGNED, W_SIZEOF, W_STATIC, W_STRUCT, W_SWITCH,
  W_TYPEDEF, W_UNION, W_UNSIGNED, W_VOID, W_VOLATILE, W_WHILE, W_ATTRIBUTE, W_BYTES, W_RESTRICT
};

struct Token token;
struct Token token_ahead;
long is_ahead;
long nesting;

struct Node *expression(void);
struct Node *assignment(void);
struct Node *operand_cast(void);
struct Type *type_name(void);
long begins_type(void);

void keyword(char *text, long code)
{
  struct Name *n = intern_text(text);
  n->keyword = code;
}

void prepare_keywords(void)
{
  keyword("auto", W_AUTO);
  keyword("_Bool", W_BOOL);
  keyword("break", W_BREAK);
  keyword("case", W_CASE);
  keyword("char", W_CHAR);
  keyword("const", W_CONST);
  keyword("__const", W_CONST);
  keyword("continue", W_CONTINUE);
  keyword("default", W_DEFAULT);
  keyword("do", W_DO);
  keyword("double", W_DOUBLE);
  keyword("else", W_ELSE);
  keyword("enum", W_ENUM);
  keyword("extern", W_EXTERN);
  keyword("float", W_FLOAT);
  keyword("for", W_FOR);
  keyword("goto", W_GOTO);
  keyword("if", W_IF);
  keyword("inline", W_INLINE);
  keyword("__inline", W_INLINE);
  keyword("__inline__", W_INLINE);
  keyword("int", W_INT);
  keyword("long", W_LONG);
  keyword("register", W_REGISTER);
  keyword("restrict", W_RESTRICT);
  keyword("__restrict", W_RESTRICT);
  keyword("return", W_RETURN);
  keyword("short", W_SHORT);
  keyword("signed", W_SIGNED);
  keyword("sizeof", W_SIZEOF);
  keyword("static", W_STATIC);
  keyword("struct", W_STRUCT);
  keyword("switch", W_SWITCH);
  keyword("typedef", W_TYPEDEF);
  keyword("union", W_UNION);
  keyword("unsigned", W_UNSIGNED);
  keyword("void", W_VOID);
  keyword("volatile", W_VOLATILE);
  keyword("__volatile__", W_VOLATILE);
  keyword("while", W_WHILE);
  keyword("__attribute__", W_ATTRIBUTE);
  keyword("__bytes", W_BYTES);
}

void read_parser_token(struct Token *t)
{
  expand(t);
  if (t->kind == T_NAME && t->name->keyword)
    t->kind = t->name->keyword;
}

void next(void)
{
  if (is_ahead) {
    copy_token(&token, &token_ahead);
    is_ahead = 0;
  } else {
    /* read_token leaves an end's place as it finds it */
    token.file = source->file;
    token.line = source->line;
    read_parser_token(&token);
  }
  if (token.kind == T_END) {
    token.file = source->file;
    token.line = source->line > 1 ? source->line - 1 : 1; /* the last line, not the one behind it */
  }
  fault_file = token.file;
  fault_line = token.line;
}

long peek(void)
{
  if (!is_ahead) {
    read_parser_token(&token_ahead);
    is_ahead = 1;
  }
  fault_file = token.file;
  fault_line = token.line;
  return token_ahead.kind;
}

void unexpected(char *wanted)
{
  fault_token("", &token, wanted);
}

void want(long kind, char *wanted)
{
  if (token.kind != kind)
    unexpected(wanted);
  next();
}

void want_semicolon(void)
{
  want(';', ": ';' must stand here");
}

void nest(void)
{
  nesting++;
  if (nesting > NESTING_LIMIT)
    fault("nested too deeply");
}

/* ---- constants ---- */

/* A whole number's value:  (`0x` hex | `0` octal | decimal) { `u`|`U`|`l`|`L` }  */
long integer_value(struct Token *t, long *without_sign, long *is_long)
{
  char *s = t->text;
  char *end = s + t->length;
  long v = 0;
  long base = 10;
  long d;
  long u = 0;
  long l = 0;
  if (*s == '0') {
    base = 8;
    if (t->length > 2 && (s[1] == 'x' || s[1] == 'X')) {
      base = 16;
      s += 2;
    }
  }
  while (s < end) {
    d = *s;
    if (d >= '0' && d <= '9')
      d -= '0';
    else if (d >= 'a' && d <= 'f' && base == 16)
      d -= 'a' - 10;
    else if (d >= 'A' && d <= 'F' && base == 16)
      d -= 'A' - 10;
    else
      break;
    if (d >= base)
      fault_token("", t, " is no number");
    if (unsigned_less(unsigned_divide(-1 - d, base), v))
      fault_token("the number ", t, " is too large");
    v = v * base + d;
    s++;
  }
  while (s < end) {
    if ((*s == 'u' || *s == 'U') && !u)
      u = 1;
    else if ((*s == 'l' || *s == 'L') && l < 2)
      l++;
    else
      fault_token("", t, " is no number");
    s++;
  }
  if (v < 0)
    u = 1;
  *without_sign = u;
  *is_long = l;
  return v;
}

/* The type is the first of int, unsigned (not for decimal), long, unsigned long that the suffix allows and the value fits. */
struct Node *number(void)
{
  long u;
  long l;
  long v;
  long i;
  long is_floating = 0;
  long not_decimal;
  long hex = token.length > 1 && token.text[0] == '0' && (token.text[1] == 'x' || token.text[1] == 'X');
  char *s;
  struct Type *t;
  struct Node *n;
  for (i = 0; i < token.length; i++)
    if (token.text[i] == '.' || (!hex && (token.text[i] == 'e' || token.text[i] == 'E')))
      is_floating = 1;
  if (is_floating) {
    s = copy_text(token.text, token.length);
    i = read_decimal(s);
    t = type_double;
    if (i > 0 && (s[i] == 'f' || s[i] == 'F')) {
      t = &type_table[K_FLOAT];
      i++;
    } else if (i > 0 && (s[i] == 'l' || s[i] == 'L')) {
      t = &type_table[K_LDOUBLE];
      i++;
    }
    if (i != token.length)
      unexpected(" is no number");
    n = float_node(t, 0);
    next();
    return n;
  }
  not_decimal = token.text[0] == '0';
  v = integer_value(&token, &u, &l);
  next();
  if (!l && v >= 0 && v <= 0x7fffffff)
    return integer_node(v, u ? type_uint : type_int);
  if (!l && v >= 0 && v < (long)1 << 32 && (u || not_decimal))
    return integer_node(v, type_uint);
  return integer_node(v, u ? type_ulong : type_long);
}

/* One character of a text or character constant, *s behind its first byte:
     `\` (n t r a b f v e \ ' " ? | 1…3 octal digits | x hex digits) | any other byte */
char *escape_at;

long read_escape(void)
{
  long c = *escape_at & 255;
  long v = 0;
  long n = 0;
  escape_at++;
  if (c != '\\')
    return c;
  c = *escape_at;
  escape_at++;
  switch (c) {
  case 'n': return '\n';
  case 't': return '\t';
  case 'r': return '\r';
  case 'a': return 7;
  case 'b': return 8;
  case 'f': return 12;
  case 'v': return 11;
  case 'e': return 27;
  case '\\': case '\'': case '"': case '?': return c;
  case 'x':
    for (;;) {
      c = *escape_at;
      if (c >= 'A' && c <= 'F')
        c += 'a' - 'A';
      c = hex_digit(c);
      if (c < 0)
        break;
      v = (v * 16 + c) & 0xfff;
      n++;
      escape_at++;
    }
    if (n == 0 || v > 255)
      fault("this \\x gives no byte");
    return v;
  }
  if (c < '0' || c > '7')
    fault("this escape in a text or character is not known");
  escape_at--;
  while (n < 3 && *escape_at >= '0' && *escape_at <= '7') {
    v = v * 8 + *escape_at - '0';
    escape_at++;
    n++;
  }
  if (v > 255)
    fault("this escape gives no byte");
  return v;
}

/* Several characters make a number as gcc makes it: each shifts the earlier ones. */
long character_value(struct Token *t)
{
  char *end = t->text + t->length - 1;
  long v = 0;
  long n = 0;
  escape_at = t->text + 1;
  while (escape_at < end) {
    v = (v << 8) | read_escape();
    n++;
  }
  if (n == 0 || n > 4)
    fault("a character constant holds one to four characters");
  return n == 1 ? cut_to(type_char, v) : cut_to(type_int, v);
}

/* text { text }: one array of char in `constants` */
struct Node *text_constant(void)
{
  long room = 256;
  long n = 0;
  char *bytes = allocate(room);
  char *larger;
  char *end;
  struct Object *o;
  while (token.kind == T_TEXT) {
    escape_at = token.text + 1;
    end = token.text + token.length - 1;
    while (n + token.length + 1 > room) {
      larger = allocate(room * 4);
      copy_bytes(larger, bytes, n);
      bytes = larger;
      room *= 4;
    }
    while (escape_at < end)
      bytes[n++] = (char)read_escape();
    next();
  }
  o = make_object(0, array_of(type_char, n + 1));
  o->area = A_CONSTANTS;
  o->offset = reserve(A_CONSTANTS, n + 1, 1);
  copy_bytes(constant_bytes + o->offset, bytes, n);
  return object_node(o, o->type);
}

/* ---- operands ---- */

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
