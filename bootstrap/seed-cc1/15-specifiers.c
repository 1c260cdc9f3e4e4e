/* cc1, specifiers: the types that declarations begin with: words, structs, unions, enums.

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

struct Type *specifiers(void);
struct Name *declarator(void);
struct Type *build(struct Type *base, long begin);

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
