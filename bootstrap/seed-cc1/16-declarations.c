/* cc1, declarations: declarators, and what becomes of the names that are declared. */

long unit_number;

void function_body(struct Object *o, struct Type *t, struct Name *name);
struct Type *initialise_object(struct Object *o, struct Type *t);
struct Type *initialise_local(struct Symbol *s, struct Type *t);

struct Step *push_step(long kind)
{
  if (step_count == STEPS)
    fault("this declaration is too deep");
  steps[step_count].kind = kind;
  steps[step_count].count = -1;
  steps[step_count].parameters = 0;
  steps[step_count].variadic = 0;
  steps[step_count].open = 0;
  return &steps[step_count++];
}

/* parameters = [`void` | parameter { `,` parameter } [`,` `...`]] `)`     parameter = specifiers [declarator] */
void parameters(struct Step *s)
{
  struct Parameter *last = 0;
  struct Parameter *p;
  struct Type *t;
  long begin;
  long kept;
  s->kind = K_FUNCTION;
  if (token.kind == ')') {
    s->open = 1;
    next();
    return;
  }
  if (token.kind == W_VOID && peek() == ')') {
    next();
    next();
    return;
  }
  for (;;) {
    if (token.kind == T_DOTS && last) {
      s->variadic = 1;
      next();
      break;
    }
    if (token.kind == T_NAME && !begins_type())
      unexpected(": a parameter's type must stand here (parameters in the old style are not supported)");
    kept = storage;
    t = specifiers();
    if (storage != STORE_NONE && storage != STORE_LOCAL)
      fault("a parameter has no storage class");
    storage = kept;
    begin = step_count;
    p = (struct Parameter *)allocate(sizeof (struct Parameter));
    p->name = declarator();
    p->type = build(t, begin);
    skip_attributes();
    if (p->type->kind == K_ARRAY)
      p->type = pointer_to(p->type->base);
    if (p->type->kind == K_FUNCTION)
      p->type = pointer_to(p->type);
    if (p->type->kind == K_VOID)
      fault("a parameter cannot be void");
    if (last)
      last->next = p;
    else
      s->parameters = p;
    last = p;
    if (token.kind != ',')
      break;
    next();
  }
  want(')', ": ',' or ')' must stand here");
}

/* declarator = { `*` qualifiers } [name | `(` declarator `)`] { `[` [choice] `]` | `(` parameters }
   Its steps are appended to `steps`; gives the name, 0 when there is none. */
struct Name *declarator(void)
{
  struct Name *name = 0;
  struct Step *s;
  long stars = 0;
  long kind;
  long at;
  nest();
  skip_attributes();
  while (token.kind == '*') {
    stars++;
    next();
    while (token.kind == W_CONST || token.kind == W_VOLATILE || token.kind == W_RESTRICT)
      next();
    skip_attributes();
  }
  if (token.kind == T_NAME) {
    name = token.name;
    next();
  } else if (token.kind == '(') {
    kind = peek();
    if (kind == '*' || kind == '(' || kind == '[' || kind == W_ATTRIBUTE
        || (kind == T_NAME && !(token_ahead.name->symbol && token_ahead.name->symbol->kind == S_TYPE))) {
      next();
      name = declarator();
      want(')', ": ')' must stand here");
    }
  }
  while (token.kind == '[' || token.kind == '(') {
    kind = token.kind;
    next();
    at = step_count;
    s = push_step(kind == '[' ? K_ARRAY : K_FUNCTION);
    if (kind == '[') {
      if (token.kind != ']') {
        s->count = constant_expression();
        if (s->count < 0)
          fault("an array cannot have fewer than no elements");
      }
      want(']', ": ']' must stand here");
    } else {
      open_scope();
      parameters(&steps[at]);
      close_scope();
    }
  }
  while (stars > 0) {
    push_step(K_POINTER);
    stars--;
  }
  nesting--;
  return name;
}

/* The type that the steps from `begin` on make of base; they are used up. */
struct Type *build(struct Type *base, long begin)
{
  struct Type *t;
  struct Step *s;
  long count = 0;
  while (step_count > begin) {
    step_count--;
    s = &steps[step_count];
    count++;
    if (count > NESTING_LIMIT)
      fault("this declaration is too deep");
    if (s->kind == K_POINTER)
      base = pointer_to(base);
    else if (s->kind == K_ARRAY)
      base = array_of(base, s->count);
    else {
      if (base->kind == K_ARRAY || base->kind == K_FUNCTION)
        fault("a function cannot give an array or a function");
      t = make_type(K_FUNCTION, -1, 1);
      t->base = base;
      t->parameters = s->parameters;
      t->variadic = s->variadic;
      t->open = s->open;
      base = t;
    }
  }
  return base;
}

/* type = specifiers [declarator without a name] */
struct Type *type_name(void)
{
  long kept = storage;
  long begin = step_count;
  struct Type *t = specifiers();
  if (storage != STORE_NONE)
    fault("a storage class does not belong here");
  storage = kept;
  if (declarator())
    fault("no name belongs here");
  return build(t, begin);
}

/* ---- names that get a meaning ---- */

void fault_twice(struct Name *name, struct Object *o)
{
  begin_fault();
  say("'");
  say(name->text);
  say("' is defined already, at ");
  say(o->file);
  say(":");
  say_number(o->line);
  leave();
}

/* The symbol of a function, or of a variable that lives for the whole run and has a name other units may see. */
struct Symbol *declare_object(struct Name *name, struct Type *t, long store)
{
  struct Symbol *s = name->symbol;
  struct Symbol *file = s;
  struct Object *o = 0;
  while (file && file->depth > 0)
    file = file->outer;
  if (s && s->depth == scope_depth) {
    if (s->kind != S_OBJECT)
      fault_about("", name->text, " is declared already, as something else");
    if (!same_type(s->type, t))
      fault_about("", name->text, " is declared already, with another type");
  }
  if (file && file->kind == S_OBJECT && !(store == STORE_STATIC && file->object == name->object)) {
    if (!same_type(file->type, t))
      fault_about("", name->text, " is declared already, with another type");
    o = file->object;
  } else if (file && file->kind == S_OBJECT)
    fault_about("", name->text, " is declared already, and not as static");
  if (!o && store != STORE_STATIC) {
    o = name->object;
    if (o && (o->type->kind == K_FUNCTION) != (t->kind == K_FUNCTION)) {
      begin_fault();
      say("'");
      say(name->text);
      say("' is a function in one source and a variable in another, at ");
      say(o->file);
      say(":");
      say_number(o->line);
      leave();
    }
  }
  if (!o) {
    o = make_object(name, t);
    if (store != STORE_STATIC)
      name->object = o;
  }
  if (s && s->depth == scope_depth) {
    /* what was not known of the type may be known now */
    if (t->kind == K_FUNCTION ? s->type->open : s->type->size < 0)
      s->type = t;
  } else {
    s = declare(name, S_OBJECT, t);
    s->object = o;
  }
  return s;
}

void define(struct Object *o, struct Name *name)
{
  if (o->area != A_NONE)
    fault_twice(name, o);
  o->tentative = 0;
  o->unit = unit_number;
  o->file = fault_file;
  o->line = fault_line;
}

/* One declarator of a declaration outside functions, its type complete; gives whether a function body was read. */
long file_declarator(struct Name *name, struct Type *t, long store, long is_first)
{
  struct Symbol *s;
  struct Object *o;
  if (t->kind == K_VOID)
    fault_about("", name->text, " cannot be void");
  s = declare_object(name, t, store);
  o = s->object;
  if (t->kind == K_FUNCTION) {
    if (token.kind == '{' && is_first) {
      define(o, name);
      s->type = t;
      function_body(o, t, name);
      return 1;
    }
    return 0;
  }
  if (token.kind == '=') {
    define(o, name);
    s->type = initialise_object(o, t);
    o->type = s->type;
  } else if (store != STORE_EXTERN) {
    if (o->area != A_NONE && o->unit != unit_number)
      fault_twice(name, o);
    if (o->area == A_NONE) {
      o->tentative = 1;
      o->type = s->type;
      o->file = fault_file;
      o->line = fault_line;
    }
  }
  return 0;
}

/* One declarator inside a function. */
void block_declarator(struct Name *name, struct Type *t, long store)
{
  struct Symbol *s = name->symbol;
  struct Object *o;
  if (t->kind == K_FUNCTION || store == STORE_EXTERN) {
    if (store == STORE_STATIC)
      fault("a function declared in a block cannot be static");
    declare_object(name, t, STORE_EXTERN);
    if (token.kind == '=')
      fault("what is extern here has its initialiser elsewhere");
    return;
  }
  if (s && s->depth == scope_depth)
    fault_about("", name->text, " is declared already in this block");
  if (t->kind == K_VOID)
    fault_about("", name->text, " cannot be void");
  if (store == STORE_STATIC) {
    s = declare(name, S_OBJECT, t);
    o = make_object(name, t);
    s->object = o;
    if (token.kind == '=') {
      s->type = initialise_object(o, t);
      return;
    }
    if (t->size < 0)
      fault_about("the type of ", name->text, " has no size");
    o->area = A_ZEROS;
    o->offset = reserve(A_ZEROS, t->size, t->align);
    return;
  }
  s = declare(name, S_LOCAL, t);
  if (token.kind == '=') {
    s->type = initialise_local(s, t);
    return;
  }
  if (t->size < 0)
    fault_about("the type of ", name->text, " has no size");
  s->value = reserve_local(t->size, t->align);
}

/* declaration = specifiers [declarator [`=` initialiser] { `,` declarator [`=` initialiser] }] `;` | specifiers declarator block */
void declaration(void)
{
  struct Type *base;
  struct Type *t;
  struct Name *name;
  struct Symbol *s;
  long store;
  long begin;
  long is_first = 1;
  base = specifiers();
  store = storage;
  if (scope_depth == 0 && store == STORE_LOCAL)
    fault("auto and register belong into functions");
  while (token.kind != ';' || !is_first) {
    begin = step_count;
    name = declarator();
    if (!name)
      unexpected(": a name must stand here");
    t = build(base, begin);
    skip_attributes();
    if (store == STORE_TYPEDEF) {
      s = name->symbol;
      if (s && s->depth == scope_depth) {
        if (s->kind != S_TYPE || !same_type(s->type, t))
          fault_about("", name->text, " is declared already");
      } else
        declare(name, S_TYPE, t);
    } else if (scope_depth == 0) {
      if (file_declarator(name, t, store, is_first))
        return;
    } else
      block_declarator(name, t, store);
    is_first = 0;
    if (token.kind == ';')
      break;
    want(',', ": ',' or ';' must stand here");
  }
  want_semicolon();
}

/* The end of a unit: what was declared `int x;` and nothing else becomes zeros. */
void settle_tentative(void)
{
  struct Object *o;
  for (o = objects; o; o = o->next)
    if (o->tentative && o->area == A_NONE) {
      fault_file = o->file;
      fault_line = o->line;
      if (o->type->size < 0)
        fault_about("the type of ", o->name->text, " has no size");
      o->area = A_ZEROS;
      o->offset = reserve(A_ZEROS, o->type->size, o->type->align);
      o->unit = unit_number;
      o->tentative = 0;
    }
}
