/* cc1, conditions: #if, #ifdef, #ifndef, #elif, #else, #endif: what a condition is worth, and how groups of lines are left out. The
   parser computes constants with the same `compute`. */

/* Skips lines up to the #elif, #else or #endif of the innermost condition; `source` is then behind that word, which is given
   back: 1 elif, 2 else, 3 endif. */
long skip_group(void)
{
  long depth = 0;
  struct Token t;
  char *p;
  long quote;
  long begin = source->line;
  for (;;) {
    /* at a line's beginning */
    line_ends_count = 1;
    skip_blanks();
    p = source->at;
    if (p >= source->end) {
      source->line = source->conditions ? source->conditions->line : begin;
      lexical_fault("this condition has no #endif");
    }
    if (*p == '#') {
      source->at = p + 1;
      skip_blanks();
      if (is_name_start(*source->at)) {
        lex(&t);
        if (texts_equal(t.name->text, "if") || texts_equal(t.name->text, "ifdef") || texts_equal(t.name->text, "ifndef"))
          depth++;
        else if (texts_equal(t.name->text, "endif")) {
          if (depth == 0)
            return 3;
          depth--;
        } else if (depth == 0 && texts_equal(t.name->text, "elif"))
          return 1;
        else if (depth == 0 && texts_equal(t.name->text, "else"))
          return 2;
      }
      p = source->at;
    }
    /* to the line's end, past comments; a quote that is open ends with the line */
    quote = 0;
    while (p < source->end && *p != '\n') {
      if (quote) {
        if (*p == '\\' && p[1] != '\n')
          p++;
        else if (*p == quote)
          quote = 0;
        p++;
      } else if (*p == '/' && (p[1] == '*' || p[1] == '/')) {
        source->at = p;
        skip_blanks();
        p = source->at;
      } else {
        if (*p == '"' || *p == '\'')
          quote = *p;
        p++;
      }
    }
    if (p < source->end) {
      p++;
      source->line++;
    }
    source->at = p;
  }
  return 0;
}

/* The condition of #if and #elif. `if_*` is the list of its tokens, replaced; values are 64 bits, `if_unsigned` says of what kind. */
struct Token *if_at;
long if_unsigned;
long if_dead;
long if_depth;

long if_choice(void);
long integer_value(struct Token *t, long *is_unsigned, long *is_long);
long character_value(struct Token *t);

/* primary = number | character | name | `(` choice `)` | (`-`|`+`|`~`|`!`) primary */
long if_primary(void)
{
  struct Token *t = if_at;
  long v;
  long is_long;
  if_depth++;
  if (if_depth > NESTING_LIMIT)
    fault_at(t, "nested too deeply");
  if_at = t->next;
  if_unsigned = 0;
  if (t->kind == T_NUMBER)
    v = integer_value(t, &if_unsigned, &is_long);
  else if (t->kind == T_CHARACTER)
    v = character_value(t);
  else if (t->kind == T_NAME)
    v = 0;
  else if (t->kind == '(') {
    v = if_choice();
    if (if_at->kind != ')')
      fault_token("", if_at, ": ')' must stand here");
    if_at = if_at->next;
  } else if (t->kind == '-')
    v = -if_primary();
  else if (t->kind == '+')
    v = if_primary();
  else if (t->kind == '~')
    v = ~if_primary();
  else if (t->kind == '!') {
    v = !if_primary();
    if_unsigned = 0;
  } else {
    v = 0;
    fault_token("", t, " does not belong into a condition");
  }
  if_depth--;
  return v;
}

/* How tightly a two-sided operator binds, 0 for anything else; the higher the tighter. */
long operator_strength(long kind)
{
  switch (kind) {
  case '*': case '/': case '%': return 10;
  case '+': case '-': return 9;
  case T_SHIFT_LEFT: case T_SHIFT_RIGHT: return 8;
  case '<': case '>': case T_LESS_EQUAL: case T_GREATER_EQUAL: return 7;
  case T_EQUAL: case T_UNEQUAL: return 6;
  case '&': return 5;
  case '^': return 4;
  case '|': return 3;
  case T_AND: return 2;
  case T_OR: return 1;
  }
  return 0;
}

/* What an operator gives on 64-bit numbers; the divisor is not 0. */
long compute(long kind, long a, long b, long is_unsigned)
{
  switch (kind) {
  case '*': return a * b;
  case '/':
    if (is_unsigned)
      return unsigned_divide(a, b);
    return b == -1 ? -a : a / b;
  case '%':
    if (is_unsigned)
      return unsigned_remainder(a, b);
    return b == -1 ? 0 : a % b;
  case '+': return a + b;
  case '-': return a - b;
  case '<': return is_unsigned ? unsigned_less(a, b) : a < b;
  case '>': return is_unsigned ? unsigned_less(b, a) : a > b;
  case T_LESS_EQUAL: return is_unsigned ? !unsigned_less(b, a) : a <= b;
  case T_GREATER_EQUAL: return is_unsigned ? !unsigned_less(a, b) : a >= b;
  case T_EQUAL: return a == b;
  case T_UNEQUAL: return a != b;
  case '&': return a & b;
  case '^': return a ^ b;
  case '|': return a | b;
  case T_SHIFT_LEFT: return a << (b & 63);
  case T_SHIFT_RIGHT: return is_unsigned ? unsigned_shift(a, b & 63) : a >> (b & 63);
  }
  return 0;
}

/* sides = primary { operator primary }, operators of at least this strength */
long if_sides(long strength)
{
  long a = if_primary();
  long a_unsigned = if_unsigned;
  long b;
  long kind;
  long binds;
  long dead;
  for (;;) {
    kind = if_at->kind;
    binds = operator_strength(kind);
    if (binds == 0 || binds < strength) {
      if_unsigned = a_unsigned;
      return a;
    }
    if_at = if_at->next;
    dead = (kind == T_AND && !a) || (kind == T_OR && a);
    if_dead += dead;
    b = if_sides(binds + 1);
    if_dead -= dead;
    if (kind == T_AND || kind == T_OR) {
      a = kind == T_AND ? a && b : a || b;
      a_unsigned = 0;
    } else {
      if (kind != T_SHIFT_LEFT && kind != T_SHIFT_RIGHT)
        a_unsigned |= if_unsigned;
      if ((kind == '/' || kind == '%') && b == 0) {
        if (!if_dead)
          fault_at(if_at, "division by zero in a condition");
        b = 1;
      }
      a = compute(kind, a, b, a_unsigned);
      if (binds == 6 || binds == 7)
        a_unsigned = 0;
    }
  }
  return 0;
}

/* choice = sides [`?` choice `:` choice] */
long if_choice(void)
{
  long condition = if_sides(1);
  long a;
  long b;
  if (if_at->kind != '?')
    return condition;
  if_depth++;
  if (if_depth > NESTING_LIMIT)
    fault_at(if_at, "nested too deeply");
  if_at = if_at->next;
  if_dead += !condition;
  a = if_choice();
  if_dead -= !condition;
  if (if_at->kind != ':')
    fault_token("", if_at, ": ':' must stand here");
  if_at = if_at->next;
  if_dead += condition != 0;
  b = if_choice();
  if_dead -= condition != 0;
  if_depth--;
  return condition ? a : b;
}

/* condition, up to the end of the line */
long read_condition(void)
{
  struct Token t;
  struct Token *list = 0;
  struct Token *last = 0;
  struct Token *n;
  long value;
  long parenthesis;
  for (;;) {
    expand(&t);
    if (t.kind == T_NAME && t.name == name_defined) {
      read_token(&t);
      parenthesis = t.kind == '(';
      if (parenthesis)
        read_token(&t);
      if (t.kind != T_NAME)
        fault_token("", &t, ": a name must follow 'defined'");
      value = t.name->macro != 0;
      if (parenthesis) {
        read_token(&t);
        if (t.kind != ')')
          fault_token("", &t, ": ')' must stand here");
      }
      t.kind = T_NUMBER;
      t.text = value ? "1" : "0";
      t.length = 1;
    }
    n = token_of(&t);
    if (last)
      last->next = n;
    else
      list = n;
    last = n;
    if (t.kind == T_LINE || t.kind == T_END)
      break;
  }
  if_at = list;
  if_dead = 0;
  if_depth = 0;
  value = if_choice();
  if (if_at->kind != T_LINE && if_at->kind != T_END)
    fault_token("", if_at, " does not belong into a condition");
  return value != 0;
}

/* After a group was left out: on to the next one that is read. */
void find_group(void)
{
  struct Condition *c = source->conditions;
  long word;
  for (;;) {
    word = skip_group();
    line_ends_count = 1;
    if (word == 3) {
      source->conditions = c->below;
      end_directive(" after #endif");
      return;
    }
    if (c->final)
      lexical_fault("#else was the last group of this condition");
    if (word == 2) {
      c->final = 1;
      end_directive(" after #else");
      if (!c->taken) {
        c->taken = 1;
        return;
      }
    } else if (!c->taken) {
      if (read_condition()) {
        c->taken = 1;
        return;
      }
    }
  }
}

void open_condition(long value)
{
  struct Condition *c = (struct Condition *)allocate(sizeof (struct Condition));
  c->line = source->line;
  c->taken = value;
  c->below = source->conditions;
  source->conditions = c;
  if (!value)
    find_group();
}
