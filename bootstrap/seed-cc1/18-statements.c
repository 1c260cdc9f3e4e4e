/* cc1, statements: statements and function bodies, each turned into code as soon as it is read. */

/* A name `goto` may go to. */
struct Place {
  struct Name *name;
  struct Label *label;
  long line;              /* of the first goto */
  long known;
  struct Place *next;
};

struct Case {
  long value;
  struct Label *label;
  struct Case *next;
};

struct Switch {
  struct Type *type;
  struct Case *cases;
  struct Case *last;
  struct Label *other;    /* default */
  struct Switch *outer;
};

struct Place *places;
struct Switch *innermost;
struct Label *break_label;
struct Label *continue_label;
struct Label *return_label;
struct Type *result_type;

void statement(void);

/* block = `{` { declaration } { statement } `}`; cc1 lets them mix */
void block(void)
{
  long frame = frame_used;
  want('{', ": '{' must stand here");
  open_scope();
  while (token.kind != '}') {
    if (token.kind == T_END)
      unexpected(": '}' must stand here");
    if (begins_declaration() && !(token.kind == T_NAME && peek() == ':'))
      declaration();
    else
      statement();
  }
  close_scope();
  frame_used = frame;
  next();
}

struct Place *find_place(struct Name *name)
{
  struct Place *p = places;
  while (p && p->name != name)
    p = p->next;
  if (!p) {
    p = (struct Place *)allocate(sizeof (struct Place));
    p->name = name;
    p->label = make_label();
    p->line = fault_line;
    p->next = places;
    places = p;
  }
  return p;
}

/* `(` expression `)` as a condition */
struct Node *condition(void)
{
  struct Node *n;
  want('(', ": '(' must stand here");
  n = truth(expression());
  want(')', ": ')' must stand here");
  return n;
}

/* `if` `(` expression `)` statement [`else` statement] */
void if_statement(void)
{
  struct Label *other = make_label();
  struct Label *end;
  next();
  gen_branch(condition(), other, 0);
  statement();
  if (token.kind == W_ELSE) {
    end = make_label();
    jump(end);
    place_label(other);
    next();
    statement();
    place_label(end);
  } else
    place_label(other);
}

/* What may be left and continued; `body` follows with these labels. */
void loop_body(struct Label *onward, struct Label *end)
{
  struct Label *outer_break = break_label;
  struct Label *outer_continue = continue_label;
  break_label = end;
  continue_label = onward;
  statement();
  break_label = outer_break;
  continue_label = outer_continue;
}

/* `while` `(` expression `)` statement */
void while_statement(void)
{
  struct Label *top = make_label();
  struct Label *end = make_label();
  next();
  place_label(top);
  gen_branch(condition(), end, 0);
  loop_body(top, end);
  jump(top);
  place_label(end);
}

/* `do` statement `while` `(` expression `)` `;` */
void do_statement(void)
{
  struct Label *top = make_label();
  struct Label *onward = make_label();
  struct Label *end = make_label();
  next();
  place_label(top);
  loop_body(onward, end);
  place_label(onward);
  want(W_WHILE, ": 'while' must stand here");
  gen_branch(condition(), top, 1);
  want_semicolon();
  place_label(end);
}

/* `for` `(` [expression] `;` [expression] `;` [expression] `)` statement */
void for_statement(void)
{
  struct Label *top = make_label();
  struct Label *onward = make_label();
  struct Label *end = make_label();
  struct Node *step = 0;
  next();
  want('(', ": '(' must stand here");
  if (token.kind != ';')
    gen_drop(decay(expression()));
  want_semicolon();
  place_label(top);
  if (token.kind != ';')
    gen_branch(truth(expression()), end, 0);
  want_semicolon();
  if (token.kind != ')')
    step = decay(expression());
  want(')', ": ')' must stand here");
  loop_body(onward, end);
  place_label(onward);
  if (step)
    gen_drop(step);
  jump(top);
  place_label(end);
}

/* `switch` `(` expression `)` statement: the value is kept in a hidden local; the comparisons stand behind the body */
void switch_statement(void)
{
  struct Switch *s = (struct Switch *)allocate(sizeof (struct Switch));
  struct Label *dispatch = make_label();
  struct Label *end = make_label();
  struct Label *outer = break_label;
  struct Node *n;
  struct Case *c;
  long at;
  next();
  want('(', ": '(' must stand here");
  n = expression();
  want(')', ": ')' must stand here");
  if (!is_integer(n->type))
    fault("switch wants an integer");
  n = promote(n);
  s->type = n->type;
  s->outer = innermost;
  innermost = s;
  at = reserve_local(8, 8);
  gen(n);
  code("48 89 85"); /* mov [rbp + at], rax */
  word(at);
  jump(dispatch);
  break_label = end;
  statement();
  break_label = outer;
  innermost = s->outer;
  jump(end);
  place_label(dispatch);
  code("48 8b 85"); /* mov rax, [rbp + at] */
  word(at);
  for (c = s->cases; c; c = c->next) {
    if (fits_word(c->value)) {
      code("48 3d"); /* cmp rax, value */
      word(c->value);
    } else {
      load_constant(1, c->value);
      code("48 39 c8"); /* cmp rax, rcx */
    }
    code("0f 84"); /* je */
    distance_to(c->label);
  }
  if (s->other)
    jump(s->other);
  place_label(end);
}

/* `case` choice `:` statement | `default` `:` statement */
void case_statement(void)
{
  struct Case *c;
  struct Case *d;
  if (!innermost)
    unexpected(" outside a switch");
  if (token.kind == W_DEFAULT) {
    if (innermost->other)
      fault("this switch has a default already");
    next();
    innermost->other = make_label();
    place_label(innermost->other);
  } else {
    next();
    c = (struct Case *)allocate(sizeof (struct Case));
    c->value = cut_to(innermost->type, constant_expression());
    for (d = innermost->cases; d; d = d->next)
      if (d->value == c->value)
        fault("this switch has that case already");
    if (innermost->last)
      innermost->last->next = c;
    else
      innermost->cases = c;
    innermost->last = c;
    c->label = make_label();
    place_label(c->label);
  }
  want(':', ": ':' must stand here");
  if (token.kind == '}')
    return;
  statement();
}

/* `return` [expression] `;` */
void return_statement(void)
{
  struct Node *n;
  next();
  if (token.kind == ';') {
    if (result_type->kind != K_VOID)
      fault("this function gives a value: 'return' needs one");
  } else {
    n = expression();
    if (result_type->kind == K_VOID) {
      if (n->type->kind != K_VOID)
        fault("this function gives no value");
      gen_drop(n);
    } else {
      n = assign_cast(n, result_type, "return");
      gen(n);
      if (is_aggregate(result_type)) {
        code("48 89 c1"); /* mov rcx, rax */
        code("48 8b 45 10"); /* mov rax, [rbp + 16] */
        copy_struct(result_type->size);
      }
    }
  }
  want_semicolon();
  jump(return_label);
}

/* `__bytes` `(` text `)` `;`: machine code, as pairs of hex digits; for what C cannot say: system calls, setjmp */
void bytes_statement(void)
{
  struct Node *n;
  char *s;
  long i;
  next();
  want('(', ": '(' must stand here");
  if (token.kind != T_TEXT)
    unexpected(": a text must stand here");
  n = text_constant();
  s = constant_bytes + n->object->offset;
  for (i = 0; s[i]; i++)
    if (s[i] != ' ') {
      if (hex_digit(s[i]) < 0 || hex_digit(s[i + 1]) < 0)
        fault("this text holds no pairs of hex digits");
      i++;
    }
  code(s);
  release_constants(n->object->offset);
  want(')', ": ')' must stand here");
  want_semicolon();
}

/* statement = block | if | while | do | for | switch | case | return | name `:` statement | `goto` name `;` | `break` `;` | `continue` `;`
             | `__bytes` … | [expression] `;`     */
void statement(void)
{
  struct Place *p;
  nest();
  switch (token.kind) {
  case '{': block(); break;
  case W_IF: if_statement(); break;
  case W_WHILE: while_statement(); break;
  case W_DO: do_statement(); break;
  case W_FOR: for_statement(); break;
  case W_SWITCH: switch_statement(); break;
  case W_CASE: case W_DEFAULT: case_statement(); break;
  case W_RETURN: return_statement(); break;
  case W_BYTES: bytes_statement(); break;
  case W_GOTO:
    next();
    if (token.kind != T_NAME)
      unexpected(": a label's name must stand here");
    jump(find_place(token.name)->label);
    next();
    want_semicolon();
    break;
  case W_BREAK:
    if (!break_label)
      fault("'break' outside a loop or switch");
    jump(break_label);
    next();
    want_semicolon();
    break;
  case W_CONTINUE:
    if (!continue_label)
      fault("'continue' outside a loop");
    jump(continue_label);
    next();
    want_semicolon();
    break;
  case ';':
    next();
    break;
  default:
    if (token.kind == T_NAME && peek() == ':') {
      p = find_place(token.name);
      if (p->known)
        fault_about("the label ", token.name->text, " stands here a second time");
      p->known = 1;
      place_label(p->label);
      next();
      next();
      if (token.kind != '}')
        statement();
    } else {
      gen_drop(decay(expression()));
      want_semicolon();
    }
    break;
  }
  nesting--;
}

/* The body of function o of type t, `{` being the next token. */
void function_body(struct Object *o, struct Type *t, struct Name *name)
{
  struct Parameter *p;
  struct Symbol *s;
  struct Place *l;
  long offset = 16;
  long frame_at;
  while (text_size & 15)
    byte(0x90); /* nop */
  o->area = A_TEXT;
  o->offset = text_size;
  o->type = t;
  result_type = t->base;
  if (result_type->size < 0 && result_type->kind != K_VOID)
    fault("the type of this function's result has no size");
  if (is_aggregate(result_type))
    offset += 8;
  places = 0;
  break_label = 0;
  continue_label = 0;
  innermost = 0;
  return_label = make_label();
  frame_used = 0;
  frame_most = 0;
  code("55"); /* push rbp */
  code("48 89 e5"); /* mov rbp, rsp */
  code("48 81 ec"); /* sub rsp, the frame */
  frame_at = text_size;
  word(0);
  open_scope();
  for (p = t->parameters; p; p = p->next) {
    if (!p->name)
      fault("a parameter of a function that is defined needs a name");
    if (p->name->symbol && p->name->symbol->depth == scope_depth)
      fault_about("two parameters are named ", p->name->text, "");
    if (p->type->size < 0)
      fault_about("the type of ", p->name->text, " has no size");
    s = declare(p->name, S_LOCAL, p->type);
    s->value = offset;
    offset += (p->type->size + 7) & ~7;
    if (offset > SIZE_LIMIT)
      fault("the parameters of this function are too large");
  }
  /* the body's block is the parameters' scope too: a local cannot have a parameter's name */
  next();
  while (token.kind != '}') {
    if (token.kind == T_END)
      unexpected(": '}' must stand here");
    if (begins_declaration() && !(token.kind == T_NAME && peek() == ':'))
      declaration();
    else
      statement();
  }
  if (texts_equal(name->text, "main"))
    code("31 c0"); /* xor eax, eax: main ends without return */
  place_label(return_label);
  code("c9"); /* leave */
  code("c3"); /* ret */
  store_bytes(text_bytes + frame_at, round_up(frame_most, 16), 4);
  for (l = places; l; l = l->next)
    if (!l->known) {
      fault_line = l->line;
      fault_about("no label ", l->name->text, " in this function");
    }
  close_scope();
  next();
}
