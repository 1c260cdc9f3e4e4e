/* cc1, types: types, and the symbols that have them. Sizes and alignments are in bytes and those of the x86_64 System V ABI:

     char 1 (signed), short 2, int 4, long and long long 8, pointer 8, float 4, double 8, long double 16 (10 used),
     enum 4 (without sign when no constant is negative), struct and union as laid out in specifiers.

   `long long` is the same type as `long`, `signed char` the same as `char`; const and volatile are read and forgotten
   (every variable is in memory, every access is done). */

enum {
  K_VOID, K_BOOL, K_CHAR, K_UCHAR, K_SHORT, K_USHORT, K_INT, K_UINT, K_LONG, K_ULONG, K_FLOAT, K_DOUBLE, K_LDOUBLE,
  K_POINTER, K_ARRAY, K_FUNCTION, K_STRUCT, K_UNION
};

enum { SIZE_LIMIT = 0x40000000 };

struct Type {
  long kind;
  long size;               /* -1: not known (yet): void, functions, incomplete arrays and structs */
  long align;
  struct Type *base;       /* of a pointer, an array, a function's result */
  long count;              /* elements of an array, -1: not known */
  struct Member *members;  /* of a struct or union, in order */
  struct Name *tag;
  struct Parameter *parameters;
  long variadic;           /* a function with `...` */
  long open;               /* a function declared with (): nothing is known of its parameters */
  struct Type *pointer;    /* the pointer to this, once made */
};

struct Member {
  struct Name *name;       /* 0: an anonymous struct or union, or padding bits */
  struct Type *type;
  long offset;
  long bits;               /* -1: no bit-field. Else its width; it lies in the unit of its type at `offset`, */
  long shift;              /* this far from the lowest bit */
  struct Member *next;
};

struct Parameter {
  struct Name *name;
  struct Type *type;
  struct Parameter *next;
};

/* What a name means in a scope. */
enum { S_LOCAL, S_OBJECT, S_TYPE, S_CONSTANT, S_TAG };

struct Symbol {
  long kind;
  struct Name *name;
  struct Type *type;
  long value;              /* S_LOCAL: offset from rbp; S_CONSTANT: its value */
  struct Object *object;   /* S_OBJECT */
  long depth;              /* of its scope; 0: the file's */
  long is_tag;
  struct Symbol *outer;    /* what the name meant before */
  struct Symbol *earlier;  /* the symbol made before this one */
};

struct Type type_table[13];
struct Type *type_void;
struct Type *type_char;
struct Type *type_int;
struct Type *type_uint;
struct Type *type_long;
struct Type *type_ulong;
struct Type *type_double;

void prepare_types(void)
{
  long i;
  long size[13];
  size[K_VOID] = 1;
  size[K_BOOL] = 1;
  size[K_CHAR] = 1;
  size[K_UCHAR] = 1;
  size[K_SHORT] = 2;
  size[K_USHORT] = 2;
  size[K_INT] = 4;
  size[K_UINT] = 4;
  size[K_LONG] = 8;
  size[K_ULONG] = 8;
  size[K_FLOAT] = 4;
  size[K_DOUBLE] = 8;
  size[K_LDOUBLE] = 16;
  for (i = 0; i < 13; i++) {
    type_table[i].kind = i;
    type_table[i].size = size[i];
    type_table[i].align = size[i];
  }
  type_void = &type_table[K_VOID];
  type_void->size = -1;
  type_char = &type_table[K_CHAR];
  type_int = &type_table[K_INT];
  type_uint = &type_table[K_UINT];
  type_long = &type_table[K_LONG];
  type_ulong = &type_table[K_ULONG];
  type_double = &type_table[K_DOUBLE];
}

struct Type *make_type(long kind, long size, long align)
{
  struct Type *t = (struct Type *)allocate(sizeof (struct Type));
  t->kind = kind;
  t->size = size;
  t->align = align;
  return t;
}

struct Type *pointer_to(struct Type *base)
{
  if (!base->pointer) {
    base->pointer = make_type(K_POINTER, 8, 8);
    base->pointer->base = base;
  }
  return base->pointer;
}

/* count -1: not known */
struct Type *array_of(struct Type *base, long count)
{
  struct Type *t;
  if (base->kind == K_FUNCTION || base->kind == K_VOID)
    fault("an array of functions or of void is no type");
  if (base->size < 0)
    fault("the size of this array's elements is not known here");
  if (count > SIZE_LIMIT || count * base->size > SIZE_LIMIT)
    fault("this array is too large");
  t = make_type(K_ARRAY, count < 0 ? -1 : count * base->size, base->align);
  t->base = base;
  t->count = count;
  return t;
}

long is_integer(struct Type *t)
{
  return t->kind >= K_BOOL && t->kind <= K_ULONG;
}

long is_float(struct Type *t)
{
  return t->kind >= K_FLOAT && t->kind <= K_LDOUBLE;
}

long is_arithmetic(struct Type *t)
{
  return t->kind >= K_BOOL && t->kind <= K_LDOUBLE;
}

long is_pointer(struct Type *t)
{
  return t->kind == K_POINTER;
}

long is_scalar(struct Type *t)
{
  return t->kind >= K_BOOL && t->kind <= K_POINTER;
}

long is_aggregate(struct Type *t)
{
  return t->kind == K_STRUCT || t->kind == K_UNION;
}

long is_unsigned(struct Type *t)
{
  return t->kind == K_BOOL || t->kind == K_UCHAR || t->kind == K_USHORT || t->kind == K_UINT || t->kind == K_ULONG || t->kind == K_POINTER;
}

/* Whether two types are the same as far as cc1 tells types apart. */
long same_type(struct Type *a, struct Type *b)
{
  struct Parameter *p;
  struct Parameter *q;
  while (a != b && a->kind == b->kind && (a->kind == K_POINTER || a->kind == K_ARRAY)) {
    if (a->count != b->count && a->count >= 0 && b->count >= 0)
      return 0;
    a = a->base;
    b = b->base;
  }
  if (a == b)
    return 1;
  if (a->kind != b->kind)
    return 0;
  if (a->kind == K_FUNCTION) {
    if (!same_type(a->base, b->base))
      return 0;
    if (a->open || b->open)
      return 1;
    p = a->parameters;
    q = b->parameters;
    while (p && q && same_type(p->type, q->type)) {
      p = p->next;
      q = q->next;
    }
    return !p && !q && a->variadic == b->variadic;
  }
  return a->kind < K_POINTER;
}

/* The value an object's bytes stand for, once cut to an integer type: sign or zeros above it. */
long cut_to(struct Type *t, long v)
{
  if (t->kind == K_BOOL)
    return v != 0;
  if (t->size == 1)
    return is_unsigned(t) ? v & 255 : (v & 255) - ((v & 128) << 1);
  if (t->size == 2)
    return is_unsigned(t) ? v & 0xffff : (v & 0xffff) - ((v & 0x8000) << 1);
  if (t->size == 4) {
    v &= ((long)1 << 32) - 1;
    if (!is_unsigned(t) && (v >> 31))
      v -= (long)1 << 32;
  }
  return v;
}

/* ---- symbols and scopes ---- */

long scope_depth;
struct Symbol *latest_symbol;

/* Makes `name` mean something new in the scope that is open. */
struct Symbol *declare(struct Name *name, long kind, struct Type *type)
{
  struct Symbol *s = (struct Symbol *)allocate(sizeof (struct Symbol));
  s->kind = kind;
  s->name = name;
  s->type = type;
  s->depth = scope_depth;
  s->is_tag = kind == S_TAG;
  s->earlier = latest_symbol;
  latest_symbol = s;
  if (s->is_tag) {
    s->outer = name->tag;
    name->tag = s;
  } else {
    s->outer = name->symbol;
    name->symbol = s;
  }
  return s;
}

void open_scope(void)
{
  scope_depth++;
  if (scope_depth > NESTING_LIMIT)
    fault("blocks are nested too deeply");
}

void forget_symbol(struct Symbol *s)
{
  if (s->is_tag)
    s->name->tag = s->outer;
  else
    s->name->symbol = s->outer;
}

void close_scope(void)
{
  while (latest_symbol && latest_symbol->depth == scope_depth) {
    forget_symbol(latest_symbol);
    latest_symbol = latest_symbol->earlier;
  }
  scope_depth--;
}

/* Forgets the file's scope too: a translation unit ends. */
void clear_symbols(void)
{
  while (latest_symbol) {
    forget_symbol(latest_symbol);
    latest_symbol = latest_symbol->earlier;
  }
  scope_depth = 0;
}
