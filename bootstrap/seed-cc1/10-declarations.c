/* cc1, part 10: declarations: specifiers, structs, unions, enums, declarators, and what becomes of the names.

   Layout of a struct: each member at the next multiple of its alignment. A bit-field of w bits lies in the next free bits unless it
   would cross a border of its type's size; then it begins there. Width 0 goes to such a border. Members of a union all lie at 0. */

enum { STORE_NONE, STORE_TYPEDEF, STORE_EXTERN, STORE_STATIC, STORE_LOCAL };

long storage;            /* what `specifiers` found */

/* A declarator's parts, outward from the name. */
struct Step {
  long kind;             /* K_POINTER, K_ARRAY, K_FUNCTION */
  long count;
  struct Parameter *parameters;
  long variadic;
  long open;
};

enum { STEPS = 2000 };
struct Step steps[2000];
long step_count;

long unit_number;

struct Type *specifiers(void);
struct Name *declarator(void);
struct Type *build(struct Type *base, long begin);
void function_body(struct Object *o, struct Type *t, struct Name *name);
struct Type *initialise_object(struct Object *o, struct Type *t);
struct Type *initialise_local(struct Symbol *s, struct Type *t);

/* `__attribute__` `(` `(` names `)` `)`: those without a meaning for the code only */
void skip_attributes(void)
{
  long depth;
  char *s;
  while (token.kind == W_ATTRIBUTE) {
    next();
    want('(', ": '(' must stand here");
    want('(', ": '(' must stand here");
    while (token.kind != ')') {
      if (token.kind != T_NAME)
        unexpected(": an attribute must stand here");
      s = token.name->text;
      if (!texts_equal(s, "noreturn") && !texts_equal(s, "__noreturn__") && !texts_equal(s, "format") && !texts_equal(s, "__format__")
          && !texts_equal(s, "unused") && !texts_equal(s, "__unused__"))
        unexpected(": this attribute is not supported");
      next();
      if (token.kind == '(') {
        depth = 0;
        do {
          if (token.kind == '(')
            depth++;
          if (token.kind == ')')
            depth--;
          if (token.kind == T_END)
            unexpected(": ')' must stand here");
          next();
        } while (depth);
      }
      if (token.kind == ',')
        next();
      else if (token.kind != ')')
        unexpected(": ',' or ')' must stand here");
    }
    next();
    want(')', ": ')' must stand here");
  }
}

long begins_type(void)
{
  switch (token.kind) {
  case W_BOOL: case W_CHAR: case W_CONST: case W_DOUBLE: case W_ENUM: case W_FLOAT: case W_INT: case W_LONG: case W_SHORT: case W_SIGNED:
  case W_STRUCT: case W_UNION: case W_UNSIGNED: case W_VOID: case W_VOLATILE:
    return 1;
  case T_NAME:
    return token.name->symbol && token.name->symbol->kind == S_TYPE;
  }
  return 0;
}

long begins_declaration(void)
{
  switch (token.kind) {
  case W_AUTO: case W_EXTERN: case W_INLINE: case W_REGISTER: case W_STATIC: case W_TYPEDEF: case W_ATTRIBUTE:
    return 1;
  }
  return begins_type();
}

/* ---- struct, union, enum ---- */

long round_up(long n, long to)
{
  return (n + to - 1) / to * to;
}

/* Whether a member of that name is there already, in anonymous members too. */
long has_member(struct Type *t, struct Name *name)
{
  struct Member *m;
  for (m = t->members; m; m = m->next)
    if (m->name == name || (!m->name && is_aggregate(m->type) && has_member(m->type, name)))
      return 1;
  return 0;
}

/* members = { specifiers [member { `,` member }] `;` } `}`     member = declarator | [declarator] `:` width */
void members(struct Type *t)
{
  struct Member *last = 0;
  struct Member *m;
  struct Member *inner;
  struct Type *base;
  long bits = 0;         /* used so far */
  long size = 0;         /* of a union */
  long align = 1;
  long begin;
  long unit;
  while (token.kind != '}') {
    if (!begins_type() && token.kind != W_ATTRIBUTE)
      unexpected(": a member's type must stand here");
    base = specifiers();
    if (storage != STORE_NONE)
      fault("a member has no storage class");
    for (;;) {
      m = (struct Member *)allocate(sizeof (struct Member));
      m->bits = -1;
      m->type = base;
      if (token.kind == ';') {
        if (!is_aggregate(base))
          unexpected(": a member's name must stand here");
        if (base->tag)
          fault("this declares no member");
      } else {
        if (token.kind != ':') {
          begin = step_count;
          m->name = declarator();
          m->type = build(base, begin);
          if (!m->name)
            unexpected(": a member's name must stand here");
        }
        if (token.kind == ':') {
          next();
          m->bits = constant_expression();
          if (!is_integer(m->type))
            fault("a bit-field must be an integer");
          if (m->bits < 0 || m->bits > m->type->size * 8 || (m->bits == 0 && m->name) || (m->type->kind == K_BOOL && m->bits > 1))
            fault("this is no width for this bit-field");
          if (m->bits > 32 && m->bits < 64)
            fault("a bit-field of 33 to 63 bits is not supported");
        }
        skip_attributes();
      }
      if (m->type->size < 0)
        fault("the type of this member has no size");
      if (m->name && has_member(t, m->name))
        fault_about("two members are named ", m->name->text, "");
      if (!m->name && is_aggregate(m->type))
        for (inner = m->type->members; inner; inner = inner->next)
          if (inner->name && has_member(t, inner->name))
            fault_about("two members are named ", inner->name->text, "");
      if (t->kind == K_UNION)
        bits = 0;
      unit = m->type->size * 8;
      if (m->bits == 0)
        bits = round_up(bits, unit);
      else if (m->bits > 0) {
        if (bits / unit != (bits + m->bits - 1) / unit)
          bits = round_up(bits, unit);
        m->offset = bits / unit * m->type->size;
        m->shift = bits % unit;
        bits += m->bits;
      } else {
        bits = round_up(bits, m->type->align * 8);
        m->offset = bits / 8;
        bits += unit;
      }
      if ((m->bits < 0 || m->name) && m->type->align > align)
        align = m->type->align;
      if (bits > size)
        size = bits;
      if (size / 8 > SIZE_LIMIT)
        fault("this struct or union is too large");
      if (m->name || (m->bits < 0 && is_aggregate(m->type))) {
        if (last)
          last->next = m;
        else
          t->members = m;
        last = m;
      }
      if (token.kind != ',')
        break;
      next();
    }
    want_semicolon();
  }
  next();
  t->align = align;
  t->size = round_up(round_up(size, 8) / 8, align);
}

/* aggregate = (`struct`|`union`) (name | [name] `{` members)    */
struct Type *aggregate(long kind)
{
  struct Name *tag = 0;
  struct Symbol *s = 0;
  struct Type *t = 0;
  next();
  skip_attributes();
  if (token.kind == T_NAME) {
    tag = token.name;
    next();
    s = tag->tag;
    /* `struct X {` and `struct X;` are about the scope that is open */
    if (s && s->depth != scope_depth && (token.kind == '{' || token.kind == ';'))
      s = 0;
    if (s) {
      t = s->type;
      if (t->kind != kind)
        fault_about("the tag ", tag->text, " is of another kind");
    }
  } else if (token.kind != '{')
    unexpected(": a tag or '{' must stand here");
  if (!t) {
    t = make_type(kind, -1, 1);
    t->tag = tag;
    if (tag)
      declare(tag, S_TAG, t);
  }
  if (token.kind == '{') {
    if (t->members || t->size >= 0)
      fault_about("the tag ", tag->text, " is defined already");
    next();
    nest();
    members(t);
    nesting--;
  }
  return t;
}

/* enumeration = `enum` (name | [name] `{` constant { `,` constant } [`,`] `}`)     constant = name [`=` choice] */
struct Type *enumeration(void)
{
  struct Name *tag = 0;
  struct Symbol *s = 0;
  struct Type *t = 0;
  long value = 0;
  long negative = 0;
  struct Name *name;
  next();
  skip_attributes();
  if (token.kind == T_NAME) {
    tag = token.name;
    next();
    s = tag->tag;
    if (s && s->depth != scope_depth && token.kind == '{')
      s = 0;
    if (s && is_aggregate(s->type))
      fault_about("the tag ", tag->text, " is of another kind");
    if (s)
      t = s->type;
  } else if (token.kind != '{')
    unexpected(": a tag or '{' must stand here");
  if (token.kind != '{') {
    if (!t)
      fault_about("the enum ", tag->text, " is not declared");
    return t;
  }
  if (t)
    fault_about("the tag ", tag->text, " is defined already");
  t = make_type(K_UINT, 4, 4);
  next();
  while (token.kind != '}') {
    if (token.kind != T_NAME)
      unexpected(": a constant's name must stand here");
    name = token.name;
    next();
    if (token.kind == '=') {
      next();
      value = constant_expression();
    }
    if (value < -0x7fffffff - 1 || value > 0x7fffffff)
      fault_about("the value of ", name->text, " does not fit into an int");
    if (value < 0)
      negative = 1;
    if (name->symbol && name->symbol->depth == scope_depth)
      fault_about("", name->text, " is declared already");
    s = declare(name, S_CONSTANT, type_int);
    s->value = value;
    value++;
    if (token.kind != ',')
      break;
    next();
  }
  want('}', ": ',' or '}' must stand here");
  t = negative ? type_int : type_uint;
  if (tag)
    declare(tag, S_TAG, t);
  return t;
}

/* specifiers = { storage class | qualifier | type word | typedef name | struct, union, enum | attribute } */
struct Type *specifiers(void)
{
  struct Type *t = 0;
  long words = 0;
  long is_signed = 0;
  long without = 0;
  long longs = 0;
  long shorts = 0;
  long base = 0;         /* W_CHAR, W_INT, W_FLOAT, W_DOUBLE, W_VOID, W_BOOL */
  storage = STORE_NONE;
  for (;;) {
    switch (token.kind) {
    case W_TYPEDEF: case W_EXTERN: case W_STATIC: case W_AUTO: case W_REGISTER:
      if (storage != STORE_NONE)
        unexpected(": there is a storage class already");
      storage = token.kind == W_TYPEDEF ? STORE_TYPEDEF : token.kind == W_EXTERN ? STORE_EXTERN : token.kind == W_STATIC ? STORE_STATIC : STORE_LOCAL;
      next();
      continue;
    case W_CONST: case W_VOLATILE: case W_INLINE: case W_RESTRICT:
      next();
      continue;
    case W_ATTRIBUTE:
      skip_attributes();
      continue;
    case W_SIGNED: case W_UNSIGNED: case W_LONG: case W_SHORT:
      if (t)
        unexpected(": there is a type already");
      if (token.kind == W_SIGNED)
        is_signed++;
      else if (token.kind == W_UNSIGNED)
        without++;
      else if (token.kind == W_LONG)
        longs++;
      else
        shorts++;
      words++;
      next();
      continue;
    case W_BOOL: case W_CHAR: case W_DOUBLE: case W_FLOAT: case W_INT: case W_VOID:
      if (t || base)
        unexpected(": there is a type already");
      base = token.kind;
      words++;
      next();
      continue;
    case W_STRUCT: case W_UNION: case W_ENUM:
      if (t || words)
        unexpected(": there is a type already");
      longs = storage;
      if (token.kind == W_ENUM)
        t = enumeration();
      else
        t = aggregate(token.kind == W_STRUCT ? K_STRUCT : K_UNION);
      storage = longs;
      longs = 0;
      words = 1;
      continue;
    case T_NAME:
      if (!t && !words && token.name->symbol && token.name->symbol->kind == S_TYPE) {
        t = token.name->symbol->type;
        words = 1;
        next();
        continue;
      }
      break;
    }
    break;
  }
  if (t)
    return t;
  if (!words)
    unexpected(": a type must stand here");
  if (is_signed + without > 1 || longs > 2 || shorts > 1 || (longs && shorts)
      || (base == W_CHAR && (longs || shorts)) || (base == W_DOUBLE && (longs > 1 || shorts || is_signed || without))
      || ((base == W_FLOAT || base == W_VOID || base == W_BOOL) && (longs || shorts || is_signed || without)))
    fault("these words together are no type");
  switch (base) {
  case W_BOOL: return &type_table[K_BOOL];
  case W_VOID: return type_void;
  case W_FLOAT: return &type_table[K_FLOAT];
  case W_DOUBLE: return longs ? &type_table[K_LDOUBLE] : type_double;
  case W_CHAR: return without ? &type_table[K_UCHAR] : type_char;
  }
  if (shorts)
    return &type_table[without ? K_USHORT : K_SHORT];
  if (longs)
    return without ? type_ulong : type_long;
  return without ? type_uint : type_int;
}

/* ---- declarators ---- */

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
