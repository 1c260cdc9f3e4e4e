/* cc1, trees: expressions as trees with types: what C's rules make of operands (promotions, conversions, scaling of pointers),
   what is constant, and what is an error. It knows neither tokens nor machine code.

   An operand is made from its parts by the functions below, which give a tree whose types all fit; the generator
   then needs no rule of C. Whole constants are computed here; floating ones are only converted and negated. */

enum {
  N_INTEGER, N_FLOAT, N_LOCAL, N_OBJECT, N_DEREFERENCE, N_MEMBER, N_ADDRESS, N_CAST, N_NEGATE, N_COMPLEMENT, N_NOT,
  N_MULTIPLY, N_DIVIDE, N_REMAINDER, N_ADD, N_SUBTRACT, N_SHIFT_LEFT, N_SHIFT_RIGHT, N_LESS, N_LESS_EQUAL, N_EQUAL, N_UNEQUAL,
  N_AND, N_EXCLUSIVE, N_OR, N_BOTH, N_EITHER, N_CHOICE, N_COMMA, N_ASSIGN, N_FIRST, N_CALL
};

enum { DEPTH_LIMIT = 3000 };

struct Node {
  long op;
  struct Type *type;
  struct Node *left;
  struct Node *right;
  struct Node *third;     /* N_CHOICE: left ? right : third */
  struct Node *next;      /* the next argument of a call */
  long value;             /* N_INTEGER; N_LOCAL: offset from rbp; N_OBJECT: offset in the object; N_FLOAT: mantissa; N_CALL: where a
                             struct result goes */
  long exponent;          /* N_FLOAT */
  long negative;          /* N_FLOAT */
  struct Object *object;  /* N_OBJECT */
  struct Member *member;  /* N_MEMBER */
  long depth;
  char *file;
  long line;
};

/* N_FIRST: the value of `left` as it was before `right` was computed: x++. */

long frame_used;          /* bytes of the frame in use at this point of the function */
long frame_most;

/* `size` bytes of the frame; gives their offset from rbp. */
long reserve_local(long size, long align)
{
  frame_used = (frame_used + size + align - 1) / align * align;
  if (frame_used > SIZE_LIMIT / 2)
    fault("this function's variables are too large");
  if (frame_used > frame_most)
    frame_most = frame_used;
  return -frame_used;
}

struct Node *make_node(long op, struct Type *type, struct Node *left, struct Node *right)
{
  struct Node *n = (struct Node *)allocate(sizeof (struct Node));
  n->op = op;
  n->type = type;
  n->left = left;
  n->right = right;
  n->file = fault_file;
  n->line = fault_line;
  if (left)
    n->depth = left->depth + 1;
  if (right && right->depth >= n->depth)
    n->depth = right->depth + 1;
  if (n->depth > DEPTH_LIMIT)
    fault("this expression is too deep");
  return n;
}

struct Node *integer_node(long value, struct Type *type)
{
  struct Node *n = make_node(N_INTEGER, type, 0, 0);
  n->value = value;
  return n;
}

struct Node *local_node(long offset, struct Type *type)
{
  struct Node *n = make_node(N_LOCAL, type, 0, 0);
  n->value = offset;
  return n;
}

struct Node *object_node(struct Object *object, struct Type *type)
{
  struct Node *n = make_node(N_OBJECT, type, 0, 0);
  n->object = object;
  return n;
}

/* A floating constant from float_* (in decimal), rounded to its type. */
struct Node *float_node(struct Type *type, long negative)
{
  struct Node *n = make_node(N_FLOAT, type, 0, 0);
  round_to_format(type->size);
  n->value = float_mantissa;
  n->exponent = float_exponent;
  n->negative = negative;
  return n;
}

void load_float(struct Node *n)
{
  float_mantissa = n->value;
  float_exponent = n->exponent;
  float_rest = 0;
}

long is_place(struct Node *n)
{
  if (n->op == N_MEMBER)
    return is_place(n->left);
  return n->op == N_LOCAL || n->op == N_OBJECT || n->op == N_DEREFERENCE;
}

long is_bit_field(struct Node *n)
{
  return n->op == N_MEMBER && n->member->bits >= 0;
}

struct Node *address_of(struct Node *n, struct Type *base)
{
  if (n->op == N_DEREFERENCE && same_type(n->left->type->base, base))
    return n->left;
  return make_node(N_ADDRESS, pointer_to(base), n, 0);
}

/* An array becomes a pointer to its first element, a function a pointer to it. */
struct Node *decay(struct Node *n)
{
  if (n->type->kind == K_ARRAY)
    return address_of(n, n->type->base);
  if (n->type->kind == K_FUNCTION)
    return address_of(n, n->type);
  return n;
}

long is_zero(struct Node *n)
{
  return n->op == N_INTEGER && n->value == 0;
}

/* n as a value of another arithmetic or pointer type, or void. */
struct Node *cast(struct Node *n, struct Type *to)
{
  struct Type *from;
  struct Node *c;
  n = decay(n);
  from = n->type;
  if (to->kind == K_VOID)
    return make_node(N_CAST, to, n, 0);
  if (is_aggregate(to) && to == from)
    return n;
  if (!is_scalar(to) || !is_scalar(from))
    fault("no value of this type can be converted to that type");
  if ((is_pointer(to) && is_float(from)) || (is_float(to) && is_pointer(from)))
    fault("a pointer and a floating number cannot be converted into each other");
  if (n->op == N_INTEGER) {
    if (!is_float(to))
      return integer_node(cut_to(to, n->value), to);
    float_from_whole(n->value < 0 && !is_unsigned(from) ? -n->value : n->value);
    return float_node(to, n->value < 0 && !is_unsigned(from));
  }
  if (n->op == N_FLOAT) {
    if (is_float(to)) {
      load_float(n);
      return float_node(to, n->negative);
    }
    if (to->kind != K_BOOL && (n->value == 0 || n->exponent < 0))
      return integer_node(0, to);
    if (to->kind != K_BOOL && n->exponent < 63) {
      c = integer_node(unsigned_shift(n->value, 63 - n->exponent), to);
      c->value = cut_to(to, n->negative ? -c->value : c->value);
      return c;
    }
  }
  if (to->kind == K_BOOL) {
    if (from->kind == K_BOOL)
      return n;
    c = make_node(N_UNEQUAL, to, n, 0);
    c->right = cast(integer_node(0, type_int), from);
    return c;
  }
  if (from == to && !is_bit_field(n))
    return n;
  return make_node(N_CAST, to, n, 0);
}

/* An integer narrower than int becomes int, as do bit-fields that fit. */
struct Node *promote(struct Node *n)
{
  struct Type *t = n->type;
  if (!is_integer(t))
    return n;
  if (is_bit_field(n) && n->member->bits <= 32)
    return cast(n, n->member->bits == 32 && is_unsigned(t) ? type_uint : type_int);
  if (t->kind < K_INT)
    return cast(n, type_int);
  return n;
}

/* The type two arithmetic operands are computed in. */
struct Type *common_type(struct Node *a, struct Node *b)
{
  if (is_float(a->type) || is_float(b->type)) {
    if (!is_float(b->type))
      return a->type;
    if (!is_float(a->type) || b->type->kind > a->type->kind)
      return b->type;
    return a->type;
  }
  a = promote(a);
  b = promote(b);
  return a->type->kind > b->type->kind ? a->type : b->type;
}

/* A value whose truth is asked for: a scalar, floating ones compared with 0. */
struct Node *truth(struct Node *n)
{
  n = decay(n);
  if (!is_scalar(n->type))
    fault("a condition must be a number or a pointer");
  if (is_float(n->type))
    return make_node(N_UNEQUAL, type_int, n, cast(integer_node(0, type_int), n->type));
  return n;
}

long is_null(struct Node *n)
{
  if (n->op == N_CAST && is_pointer(n->type) && n->type->base->kind == K_VOID)
    n = n->left;
  return is_zero(n);
}

/* n as what is assigned to, passed as or returned as a value of type `to`, with C's checks; `what` names it in messages. */
struct Node *assign_cast(struct Node *n, struct Type *to, char *what)
{
  struct Type *from;
  n = decay(n);
  from = n->type;
  if (is_aggregate(to) || is_aggregate(from)) {
    if (to != from)
      fault_about("", what, ": the types of this struct or union and of its value differ");
    return n;
  }
  if (to->kind == K_ARRAY)
    fault_about("", what, ": an array cannot be assigned");
  if (!is_scalar(to) || !is_scalar(from))
    fault_about("", what, ": there is no value of this type");
  if (is_pointer(to) && is_pointer(from)) {
    if (!same_type(to->base, from->base) && to->base->kind != K_VOID && from->base->kind != K_VOID && !is_null(n)) {
      /* char and unsigned char are written for each other everywhere */
      if (!(is_integer(to->base) && is_integer(from->base) && to->base->size == from->base->size))
        fault_about("", what, ": this pointer points to another type; a cast would say that it is meant");
    }
  } else if (is_pointer(to)) {
    if (!is_null(n))
      fault_about("", what, ": a number is no pointer; a cast would say that it is meant");
  } else if (is_pointer(from) && to->kind != K_BOOL)
    fault_about("", what, ": a pointer is no number; a cast would say that it is meant");
  return cast(n, to);
}

/* What is known at compile time of an operator on two whole constants. */
struct Node *fold(long op, struct Node *a, struct Node *b, struct Type *type)
{
  long without = is_unsigned(a->type);
  long kind;
  long v;
  switch (op) {
  case N_MULTIPLY: kind = '*'; break;
  case N_DIVIDE: kind = '/'; break;
  case N_REMAINDER: kind = '%'; break;
  case N_ADD: kind = '+'; break;
  case N_SUBTRACT: kind = '-'; break;
  case N_SHIFT_LEFT: kind = T_SHIFT_LEFT; break;
  case N_SHIFT_RIGHT: kind = T_SHIFT_RIGHT; break;
  case N_LESS: kind = '<'; break;
  case N_LESS_EQUAL: kind = T_LESS_EQUAL; break;
  case N_EQUAL: kind = T_EQUAL; break;
  case N_UNEQUAL: kind = T_UNEQUAL; break;
  case N_AND: kind = '&'; break;
  case N_EXCLUSIVE: kind = '^'; break;
  default: kind = '|'; break;
  }
  v = b->value;
  if (op == N_SHIFT_LEFT || op == N_SHIFT_RIGHT)
    v &= a->type->size == 8 ? 63 : 31;
  return integer_node(cut_to(type, compute(kind, a->value, v, without)), type);
}

struct Node *combine(long op, struct Node *a, struct Node *b, struct Type *type)
{
  if (a->op == N_INTEGER && b->op == N_INTEGER && !((op == N_DIVIDE || op == N_REMAINDER) && b->value == 0))
    return fold(op, a, b, type);
  return make_node(op, type, a, b);
}

long element_size(struct Type *pointer)
{
  if (pointer->base->kind == K_VOID)
    return 1;
  if (pointer->base->size < 0)
    fault("what this pointer points to has no size");
  return pointer->base->size;
}

/* n elements as bytes */
struct Node *scale(struct Node *n, struct Type *pointer)
{
  return combine(N_MULTIPLY, cast(promote(n), type_long), integer_node(element_size(pointer), type_long), type_long);
}

/* a op b, for all two-sided operators but assignments, && and ||. */
struct Node *binary(long op, struct Node *a, struct Node *b)
{
  struct Type *t;
  struct Node *n;
  a = decay(a);
  b = decay(b);
  if (op == N_ADD && is_pointer(b->type) && is_integer(a->type)) {
    n = a;
    a = b;
    b = n;
  }
  if (is_pointer(a->type) && is_integer(b->type) && (op == N_ADD || op == N_SUBTRACT)) {
    b = scale(b, a->type);
    if (op == N_SUBTRACT && b->op == N_INTEGER) {
      b = integer_node(-b->value, type_long);
      op = N_ADD;
    }
    if (a->op == N_ADD && is_pointer(a->type) && a->right->op == N_INTEGER && b->op == N_INTEGER)
      return make_node(N_ADD, a->type, a->left, integer_node(a->right->value + b->value, type_long));
    return make_node(op, a->type, a, b);
  }
  if (is_pointer(a->type) && is_pointer(b->type) && op == N_SUBTRACT) {
    if (!same_type(a->type->base, b->type->base))
      fault("these pointers point to different types");
    n = make_node(N_SUBTRACT, type_long, cast(a, type_long), cast(b, type_long));
    return combine(N_DIVIDE, n, integer_node(element_size(a->type), type_long), type_long);
  }
  if (op >= N_LESS && op <= N_UNEQUAL && (is_pointer(a->type) || is_pointer(b->type))) {
    if (!is_pointer(a->type) ? !is_null(a) || !is_integer(a->type) : !is_pointer(b->type) ? !is_null(b) || !is_integer(b->type)
        : !same_type(a->type->base, b->type->base) && a->type->base->kind != K_VOID && b->type->base->kind != K_VOID
          && !is_null(a) && !is_null(b))
      fault("this pointer is compared with something else; a cast would say that it is meant");
    return combine(op, cast(a, type_ulong), cast(b, type_ulong), type_int);
  }
  if (!is_arithmetic(a->type) || !is_arithmetic(b->type))
    fault("this operator does not take operands of these types");
  if (op == N_SHIFT_LEFT || op == N_SHIFT_RIGHT) {
    if (!is_integer(a->type) || !is_integer(b->type))
      fault("this operator wants integers");
    a = promote(a);
    return combine(op, a, cast(promote(b), type_long), a->type);
  }
  t = common_type(a, b);
  if (is_float(t) && (op == N_REMAINDER || op == N_AND || op == N_OR || op == N_EXCLUSIVE))
    fault("this operator wants integers");
  a = cast(is_float(t) ? a : promote(a), t);
  b = cast(is_float(t) ? b : promote(b), t);
  return combine(op, a, b, op >= N_LESS && op <= N_UNEQUAL ? type_int : t);
}

struct Node *unary(long op, struct Node *n)
{
  n = decay(n);
  if (op == N_NOT) {
    n = truth(n);
    if (n->op == N_INTEGER)
      return integer_node(n->value == 0, type_int);
    return make_node(N_NOT, type_int, n, 0);
  }
  if (op == N_COMPLEMENT ? !is_integer(n->type) : !is_arithmetic(n->type))
    fault("this operator does not take an operand of this type");
  n = promote(n);
  if (n->op == N_INTEGER)
    return integer_node(cut_to(n->type, op == N_NEGATE ? -n->value : ~n->value), n->type);
  if (n->op == N_FLOAT) {
    load_float(n);
    return float_node(n->type, !n->negative);
  }
  return make_node(op, n->type, n, 0);
}

struct Node *dereference(struct Node *n)
{
  n = decay(n);
  if (!is_pointer(n->type))
    fault("only a pointer can be followed");
  if (n->type->base->kind == K_VOID)
    fault("a pointer to void cannot be followed");
  if (n->op == N_ADDRESS && n->left->type == n->type->base && !is_bit_field(n->left))
    return n->left;
  return make_node(N_DEREFERENCE, n->type->base, n, 0);
}

/* The member of that name, looked for in anonymous members too; 0 when there is none. */
struct Node *member_of(struct Node *n, struct Name *name)
{
  struct Member *m;
  struct Node *inner;
  struct Node *found;
  for (m = n->type->members; m; m = m->next) {
    if (m->name == name || (!m->name && is_aggregate(m->type))) {
      inner = make_node(N_MEMBER, m->type, n, 0);
      inner->member = m;
      if (m->name == name)
        return inner;
      found = member_of(inner, name);
      if (found)
        return found;
    }
  }
  return 0;
}

/* Checks that n can be assigned to. */
void want_place(struct Node *n)
{
  if (!is_place(n))
    fault("this is no variable: nothing can be stored in it");
  if (n->type->kind == K_ARRAY || n->type->kind == K_FUNCTION)
    fault("an array or a function cannot be assigned to");
  if (n->type->size < 0)
    fault("the type of this has no size");
}

/* What storing in a place gives: of a bit-field, a value of the type its own value has. */
struct Node *stored(struct Node *n, struct Node *place)
{
  if (is_bit_field(place))
    return cast(n, promote(place)->type);
  return n;
}

struct Node *assign(struct Node *to, struct Node *from)
{
  want_place(to);
  return stored(make_node(N_ASSIGN, to->type, to, assign_cast(from, to->type, "=")), to);
}

long is_still(struct Node *n)
{
  if (n->op == N_MEMBER)
    return is_still(n->left);
  return n->op == N_LOCAL || n->op == N_OBJECT;
}

/* The same place as n, computed once: code that stores the address in a hidden local, `prelude`, may have to run first. */
struct Node *prelude;

struct Node *settle(struct Node *n)
{
  struct Node *hidden;
  struct Node *copy;
  if (is_still(n))
    return n;
  if (n->op == N_MEMBER) {
    copy = make_node(N_MEMBER, n->type, settle(n->left), 0);
    copy->member = n->member;
    return copy;
  }
  hidden = local_node(reserve_local(8, 8), n->left->type);
  prelude = make_node(N_ASSIGN, hidden->type, hidden, n->left);
  return make_node(N_DEREFERENCE, n->type, hidden, 0);
}

struct Node *after_prelude(struct Node *first, struct Node *n)
{
  if (!first)
    return n;
  return make_node(N_COMMA, n->type, first, n);
}

/* to op= from */
struct Node *assign_with(long op, struct Node *to, struct Node *from)
{
  struct Node *first;
  want_place(to);
  prelude = 0;
  to = settle(to);
  first = prelude;
  from = binary(op, to, from);
  if (is_pointer(to->type) != is_pointer(from->type))
    fault("this operator does not take operands of these types");
  return after_prelude(first, stored(make_node(N_ASSIGN, to->type, to, cast(from, to->type)), to));
}

/* x++, x--: by is 1 or -1 */
struct Node *step_after(struct Node *n, long by)
{
  struct Node *first;
  struct Node *change;
  want_place(n);
  prelude = 0;
  n = settle(n);
  first = prelude;
  if (!is_scalar(n->type))
    fault("this operator does not take an operand of this type");
  change = make_node(N_ASSIGN, n->type, n, cast(binary(N_ADD, n, integer_node(by, type_int)), n->type));
  return after_prelude(first, stored(make_node(N_FIRST, n->type, n, change), n));
}

/* ---- constants ---- */

/* Whether n is an address or whole number known when the program is made: *object (0: none) plus *more. */
long is_constant(struct Node *n, struct Object **object, long *more)
{
  struct Object *other;
  long v;
  *object = 0;
  *more = 0;
  if (n->op == N_INTEGER) {
    *more = n->value;
    return 1;
  }
  if (n->op == N_ADDRESS) {
    n = n->left;
    v = 0;
    while (n->op == N_MEMBER) {
      v += n->member->offset;
      n = n->left;
    }
    if (n->op == N_OBJECT) {
      *object = n->object;
      *more = v + n->value;
      return 1;
    }
    if (n->op == N_DEREFERENCE && is_constant(n->left, object, more)) {
      *more += v;
      return 1;
    }
    return 0;
  }
  if (n->op == N_CAST && n->type->size == 8 && !is_float(n->type) && !is_float(n->left->type)) {
    if (!is_constant(n->left, object, more))
      return 0;
    return 1;
  }
  if (n->op == N_CAST && is_integer(n->type) && is_scalar(n->left->type) && !is_float(n->left->type)) {
    if (!is_constant(n->left, object, more) || *object)
      return 0;
    *more = cut_to(n->type, *more);
    return 1;
  }
  if (n->op == N_ADD || n->op == N_SUBTRACT) {
    if (!is_constant(n->right, &other, &v))
      return 0;
    if (!is_constant(n->left, object, more))
      return 0;
    if (n->op == N_SUBTRACT) {
      if (other && other != *object)
        return 0;
      if (other)
        *object = 0;
      *more -= v;
    } else {
      if (other && *object)
        return 0;
      if (other)
        *object = other;
      *more += v;
    }
    if (!*object)
      *more = cut_to(n->type, *more);
    return n->type->size == 8 || !*object;
  }
  if ((n->op == N_MULTIPLY || n->op == N_DIVIDE) && n->type->size == 8 && is_constant(n->right, &other, &v) && !other && v) {
    /* distances between addresses, as offsetof makes them */
    if (!is_constant(n->left, object, more) || *object)
      return 0;
    *more = compute(n->op == N_MULTIPLY ? '*' : '/', *more, v, is_unsigned(n->type));
    return 1;
  }
  if (n->op == N_NOT && is_constant(n->left, object, more)) {
    *more = !*object && *more == 0;
    *object = 0;
    return 1;
  }
  return 0;
}
