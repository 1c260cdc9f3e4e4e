/* cc1, initialisers: all of them are first taken apart into single values at offsets; only then is the size of what they
   initialise known (`int a[] = …`), and the values become bytes and references of `data`, or assignments to a local.

     initialiser = assignment | `{` initialiser { `,` initialiser } [`,`] `}`

   Inner braces may be left out, as C has it: an array or struct without them takes as many values as it has members. A text fills
   an array of char. A union takes one value, for its first member. What gets no value is 0. */

struct Value {
  long offset;
  struct Type *type;
  struct Member *member;  /* a bit-field */
  struct Node *node;
  struct Value *next;
};

struct Value *values;
struct Value *last_value;
struct Node *read_already;  /* an expression read before it was clear where it belongs */

long items(struct Type *t, long offset, long braces);

void add_value(long offset, struct Type *type, struct Member *m, struct Node *n)
{
  struct Value *v = (struct Value *)allocate(sizeof (struct Value));
  v->offset = offset;
  v->type = type;
  v->member = m;
  v->node = n;
  if (last_value)
    last_value->next = v;
  else
    values = v;
  last_value = v;
}

struct Node *take_expression(void)
{
  struct Node *n = read_already;
  read_already = 0;
  if (!n)
    n = assignment();
  return n;
}

long is_char_array(struct Type *t)
{
  return t->kind == K_ARRAY && t->base->size == 1 && is_integer(t->base);
}

long is_text(struct Node *n)
{
  return n->op == N_OBJECT && !n->object->name && n->type->kind == K_ARRAY && n->object->area == A_CONSTANTS;
}

/* A text into an array of char; gives how many elements it needs. */
long text_value(struct Type *t, long offset, struct Node *n)
{
  char *s = constant_bytes + n->object->offset;
  long i;
  long count = n->type->count;
  if (t->count >= 0 && count - 1 > t->count)
    fault("this text is longer than its array");
  for (i = 0; i < count && (t->count < 0 || i < t->count); i++)
    if (s[i] || t->count < 0)
      add_value(offset + i, t->base, 0, integer_node(cut_to(t->base, s[i]), t->base));
  return count;
}

/* An initialiser for something of type t at offset; gives how many elements an array without a count got. */
long initialiser(struct Type *t, long offset, struct Member *m)
{
  struct Node *n;
  long count = 0;
  nest();
  if (is_char_array(t)) {
    /* text | `{` text [`,`] `}` */
    if (!read_already && token.kind == '{' && peek() == T_TEXT) {
      next();
      n = assignment();
      if (is_text(n) && (token.kind == '}' || token.kind == ',')) {
        count = text_value(t, offset, n);
        if (token.kind == ',')
          next();
        want('}', ": '}' must stand here");
      } else {
        read_already = n;
        count = items(t, offset, 1);
      }
      nesting--;
      return count;
    }
    if (!read_already && token.kind == T_TEXT)
      read_already = assignment();
    if (read_already && is_text(read_already)) {
      count = text_value(t, offset, take_expression());
      nesting--;
      return count;
    }
  }
  if (t->kind == K_ARRAY || is_aggregate(t)) {
    if (!read_already && token.kind == '{') {
      next();
      count = items(t, offset, 1);
      nesting--;
      return count;
    }
    if (is_aggregate(t)) {
      if (!read_already)
        read_already = assignment();
      if (read_already->type == t) {
        add_value(offset, t, 0, take_expression());
        nesting--;
        return 0;
      }
    }
    count = items(t, offset, 0);
    nesting--;
    return count;
  }
  if (!read_already && token.kind == '{') {
    next();
    initialiser(t, offset, m);
    if (token.kind == ',')
      next();
    want('}', ": '}' must stand here");
    nesting--;
    return 0;
  }
  n = take_expression();
  add_value(offset, t, m, assign_cast(n, t, "initialiser"));
  nesting--;
  return 0;
}

/* Whether one more value follows; the comma before it is read. */
long another(long braces)
{
  if (token.kind != ',')
    return 0;
  if (peek() == '}') {
    if (braces)
      next();
    return 0;
  }
  next();
  return 1;
}

/* The values of an array or struct, up to its `}` if it has braces of its own, else as many as it has room for. */
long items(struct Type *t, long offset, long braces)
{
  struct Member *m;
  long i = 0;
  long most = 0;
  if (braces && !read_already && token.kind == '}') {
    next();
    return 0;
  }
  if (t->kind == K_ARRAY) {
    if (t->count < 0 && !braces)
      fault("an array without a size needs braces here");
    for (;;) {
      if (t->count >= 0 && i >= t->count)
        fault("more values than this array has elements");
      if (i * t->base->size > SIZE_LIMIT)
        fault("this array is too large");
      initialiser(t->base, offset + i * t->base->size, 0);
      i++;
      if (!braces && i >= t->count)
        break;
      if (!another(braces))
        break;
    }
    most = i;
  } else {
    m = t->members;
    if (!m)
      fault("there is nothing here to initialise");
    for (;;) {
      if (!m)
        fault("more values than this struct or union has members");
      initialiser(m->type, offset + m->offset, m->bits >= 0 ? m : 0);
      m = t->kind == K_UNION ? 0 : m->next;
      if (!braces && !m)
        break;
      if (!another(braces))
        break;
    }
  }
  if (braces)
    want('}', ": ',' or '}' must stand here");
  return most;
}

/* `=` initialiser: fills `values`; gives the type, its size known now. */
struct Type *read_initialiser(struct Type *t)
{
  long count;
  next();
  values = 0;
  last_value = 0;
  read_already = 0;
  if (t->kind == K_ARRAY && token.kind != '{' && !(is_char_array(t) && token.kind == T_TEXT))
    unexpected(": an array's initialiser needs braces");
  if (t->size < 0 && t->kind != K_ARRAY)
    fault("what has no size cannot be initialised");
  count = initialiser(t, 0, 0);
  if (read_already)
    fault("this value fits nowhere");
  if (t->kind == K_ARRAY && t->count < 0) {
    if (count == 0)
      fault("an array without elements");
    t = array_of(t->base, count);
  }
  return t;
}

/* For a variable that lives for the whole run. */
struct Type *initialise_object(struct Object *o, struct Type *t)
{
  struct Value *v;
  struct Object *target;
  long more;
  long at;
  long i;
  long unit;
  char *to;
  t = read_initialiser(t);
  o->area = A_DATA;
  o->offset = reserve(A_DATA, t->size, t->align);
  for (v = values; v; v = v->next) {
    fault_file = v->node->file;
    fault_line = v->node->line;
    at = o->offset + v->offset;
    to = data_bytes + at;
    if (is_aggregate(v->type))
      fault("this value is not known at compile time");
    if (is_float(v->type)) {
      if (v->node->op != N_FLOAT)
        fault("this value is not known at compile time");
      load_float(v->node);
      store_float(to, v->type->size, v->node->negative);
      continue;
    }
    if (!is_constant(v->node, &target, &more))
      fault("this value is not known at compile time");
    if (target) {
      if (v->type->size != 8 || v->member)
        fault("an address does not fit here");
      refer(A_DATA, at, R_WIDE, target, more);
    } else if (v->member) {
      unit = 0;
      for (i = 0; i < v->type->size; i++)
        unit |= (long)(to[i] & 255) << (i * 8);
      i = v->member->bits == 64 ? -1 : ((long)1 << v->member->bits) - 1;
      store_bytes(to, (unit & ~(i << v->member->shift)) | (more & i) << v->member->shift, v->type->size);
    } else
      store_bytes(to, more, v->type->size);
  }
  fault_file = token.file;
  fault_line = token.line;
  return t;
}

/* For a local: zeros over it unless one value fills it, then the values in order. */
struct Type *initialise_local(struct Symbol *s, struct Type *t)
{
  struct Value *v;
  struct Node *to;
  struct Node *whole;
  long known = t->size >= 0;
  if (known) {
    /* the name means the new variable in its own initialiser */
    s->value = reserve_local(t->size, t->align);
    s->type = t;
  }
  t = read_initialiser(t);
  if (!known)
    s->value = reserve_local(t->size, t->align);
  if (t->kind == K_ARRAY || (is_aggregate(t) && !(values && values->type == t))) {
    code("48 8d bd"); /* lea rdi, [rbp + offset] */
    word(s->value);
    load_constant(1, t->size);
    code("31 c0"); /* xor eax, eax */
    code("f3 aa"); /* rep stosb */
  }
  for (v = values; v; v = v->next) {
    if (v->member) {
      whole = local_node(s->value + v->offset - v->member->offset, t);
      to = make_node(N_MEMBER, v->type, whole, 0);
      to->member = v->member;
    } else
      to = local_node(s->value + v->offset, v->type);
    gen_drop(make_node(N_ASSIGN, v->type, to, v->node));
  }
  return t;
}
