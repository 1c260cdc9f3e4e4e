/* cc1, part 4: the preprocessor: files, conditions, macros. `expand` gives the parser's tokens one by one.

     line       = text line | `#` directive
     directive  = `include` (text | `<`…`>` | macro giving one) | `define` name [`(` [names [`,` `...`]] `)`] tokens | `undef` name
                | (`if` condition | `ifdef` name | `ifndef` name) lines { `elif` condition lines } [`else` lines] `endif`
                | `error` … | `warning` … | `pragma` … | nothing
     condition  = choice over whole numbers, with `defined name`, `defined (name)`, names counting as 0

   Tokens come from a stack: texts of macros being replaced (Context) above files (part 2). A macro whose text is still on the
   stack is not replaced again; a name met in that state is `fixed` for good, as the standard wants. Arguments may be empty, are
   replaced completely before they are put in, and as written beside # and ##. `__LINE__`, `__FILE__`, `__STDC__` are there;
   `__DATE__` and `__TIME__` are not, since they would make two runs differ.
   Refused: #line, #pragma pack, once, push_macro and pop_macro (others mean nothing here), another definition of a macro that is defined, an argument count that does not fit. */

struct Macro {
  struct Name *name;
  long parameters;      /* -1: no parentheses */
  long variadic;        /* the last parameter is __VA_ARGS__ */
  long special;         /* 1 __LINE__, 2 __FILE__ */
  long busy;            /* its text is on the stack */
  struct Token *text;
};

struct Context {
  struct Token *at;
  struct Macro *macro;
  long wall;            /* tokens end here: an argument being replaced alone */
  struct Context *below;
};

/* An #if that is open. */
struct Condition {
  long taken;           /* one of its groups was, or is, read */
  long final;           /* #else was seen */
  long line;
  struct Condition *below;
};

struct Argument {
  struct Token *written;
  struct Token *replaced;
  long done;
  struct Argument *next;
};

struct Folder {
  char *path;
  struct Folder *next;
};

struct Context *context;
struct Folder *folders;
long include_depth;
long alone_depth;
struct Name *name_defined;
struct Name *name_rest;

long expand(struct Token *t);
void read_token(struct Token *t);

void fault_at(struct Token *t, char *reason)
{
  fault_file = t->file;
  fault_line = t->line;
  fault(reason);
}

void fault_token(char *before, struct Token *t, char *after)
{
  char *s;
  fault_file = t->file;
  fault_line = t->line;
  if (t->kind == T_END)
    s = "the end of the file";
  else if (t->kind == T_LINE)
    s = "the end of the line";
  else
    s = copy_text(t->text, t->length > 60 ? 60 : t->length);
  fault_about(before, s, after);
}

void copy_token(struct Token *to, struct Token *from)
{
  to->kind = from->kind;
  to->space = from->space;
  to->first = from->first;
  to->fixed = from->fixed;
  to->value = from->value;
  to->name = from->name;
  to->text = from->text;
  to->length = from->length;
  to->file = from->file;
  to->line = from->line;
  to->next = 0;
}

struct Token *token_of(struct Token *from)
{
  struct Token *t = (struct Token *)allocate(sizeof (struct Token));
  copy_token(t, from);
  return t;
}

void push_context(struct Token *at, struct Macro *macro, long wall)
{
  struct Context *c = (struct Context *)allocate(sizeof (struct Context));
  c->at = at;
  c->macro = macro;
  c->wall = wall;
  c->below = context;
  context = c;
  if (macro)
    macro->busy++;
}

void pop_context(void)
{
  if (context->macro)
    context->macro->busy--;
  context = context->below;
}

/* Puts t back, so that it is the next. */
void unread(struct Token *t)
{
  if (t->kind != T_END)
    push_context(token_of(t), 0, 0);
}

/* ---- files ---- */

void enter_file(char *path, char *bytes, long length)
{
  struct Source *s = (struct Source *)allocate(sizeof (struct Source));
  long slash = text_length(path);
  include_depth++;
  if (include_depth > 60)
    fault("files include one another too deeply");
  while (slash > 0 && path[slash - 1] != '/')
    slash--;
  s->at = bytes;
  s->end = bytes + length;
  s->file = path;
  s->folder = copy_text(path, slash);
  s->line = 1;
  s->fresh = 1;
  s->below = source;
  source = s;
}

char *join_texts(char *a, char *b, char *c)
{
  long n = text_length(a);
  long m = text_length(b);
  long o = text_length(c);
  char *s = allocate(n + m + o + 1);
  copy_bytes(s, a, n);
  copy_bytes(s + n, b, m);
  copy_bytes(s + n + m, c, o);
  return s;
}

/* `#include "NAME"` looks beside the file first; then, as `<NAME>`, in the -I folders in order. */
void include_file(char *name, long beside)
{
  char *path = name;
  char *bytes = 0;
  long length;
  struct Folder *f = folders;
  if (name[0] == '/') {
    bytes = read_file(path, &length);
  } else {
    if (beside) {
      path = join_texts(source->folder, name, "");
      bytes = read_file(path, &length);
    }
    while (!bytes && f) {
      path = join_texts(f->path, "/", name);
      bytes = read_file(path, &length);
      f = f->next;
    }
  }
  if (!bytes)
    fault_about("no file ", name, " to include");
  enter_file(path, bytes, length);
}

/* ---- directives ---- */

void end_directive(char *after)
{
  struct Token t;
  lex(&t);
  if (t.kind != T_LINE && t.kind != T_END)
    fault_token("", &t, after);
}

struct Name *directive_name(char *directive)
{
  struct Token t;
  lex(&t);
  if (t.kind != T_NAME)
    fault_token(directive, &t, ": a name must follow");
  return t.name;
}

long same_tokens(struct Token *a, struct Token *b)
{
  long i;
  while (a && b) {
    if (a->kind != b->kind || a->length != b->length || a->value != b->value)
      return 0;
    for (i = 0; i < a->length; i++)
      if (a->text[i] != b->text[i])
        return 0;
    a = a->next;
    b = b->next;
  }
  return a == b;
}

/* `define` name [`(` [names [`,` `...`]] `)`] tokens */
void read_define(void)
{
  struct Name *name = directive_name("#define ");
  struct Macro *m = (struct Macro *)allocate(sizeof (struct Macro));
  struct Name *parameter[64];
  struct Token t;
  struct Token *last = 0;
  struct Token *n;
  long i;
  if (name == name_defined)
    fault_about("", name->text, " cannot be a macro");
  m->name = name;
  m->parameters = -1;
  lex(&t);
  if (t.kind == '(' && !t.space) {
    m->parameters = 0;
    lex(&t);
    while (t.kind != ')') {
      if (m->parameters == 64)
        fault("more than 64 parameters");
      if (t.kind == T_DOTS) {
        parameter[m->parameters++] = name_rest;
        m->variadic = 1;
        lex(&t);
        if (t.kind != ')')
          fault_token("", &t, ": ')' must follow '...'");
        break;
      }
      if (t.kind != T_NAME)
        fault_token("", &t, ": a parameter's name must stand here");
      for (i = 0; i < m->parameters; i++)
        if (parameter[i] == t.name)
          fault_about("two parameters are named ", t.name->text, "");
      parameter[m->parameters++] = t.name;
      lex(&t);
      if (t.kind == ',') {
        lex(&t);
        if (t.kind == ')')
          fault_token("", &t, ": a parameter's name must stand here");
      } else if (t.kind != ')')
        fault_token("", &t, ": ',' or ')' must stand here");
    }
    lex(&t);
  }
  while (t.kind != T_LINE && t.kind != T_END) {
    n = token_of(&t);
    if (n->kind == T_NAME)
      for (i = 0; i < m->parameters; i++)
        if (parameter[i] == n->name) {
          n->kind = T_PARAMETER;
          n->value = i;
        }
    if (last)
      last->next = n;
    else {
      m->text = n;
      n->space = 0;
    }
    last = n;
    lex(&t);
  }
  if (m->text && (m->text->kind == T_PASTE || last->kind == T_PASTE))
    fault_about("the macro ", name->text, " begins or ends with '##'");
  if (m->parameters >= 0)
    for (n = m->text; n; n = n->next)
      if (n->kind == '#' && (!n->next || n->next->kind != T_PARAMETER))
        fault_about("in the macro ", name->text, ": a parameter must follow '#'");
  if (name->macro && (name->macro->parameters != m->parameters || name->macro->special || !same_tokens(name->macro->text, m->text)))
    fault_about("the macro ", name->text, " is defined already, in another way");
  name->macro = m;
}

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

/* Whether a #pragma would change what the program means: pack, push_macro, pop_macro, once. */
long is_meant(char *s)
{
  long n = 0;
  struct Name *name;
  while (is_name_part(s[n]))
    n++;
  name = intern(s, n);
  return texts_equal(name->text, "pack") || texts_equal(name->text, "push_macro") || texts_equal(name->text, "pop_macro") || texts_equal(name->text, "once");
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

void read_include(void)
{
  struct Token t;
  char *begin;
  long i;
  char *name;
  skip_blanks();
  if (*source->at == '<') {
    begin = source->at + 1;
    i = 0;
    while (begin[i] != '>') {
      if (begin[i] == '\n')
        lexical_fault("#include < has no '>'");
      i++;
    }
    source->at = begin + i + 1;
    name = copy_text(begin, i);
    end_directive(" after #include");
    include_file(name, 0);
    return;
  }
  expand(&t);
  if (t.kind == T_TEXT) {
    name = copy_text(t.text + 1, t.length - 2);
    expand(&t);
    if (t.kind != T_LINE && t.kind != T_END)
      fault_token("", &t, " after #include");
    include_file(name, 1);
  } else if (t.kind == '<') {
    name = "";
    expand(&t);
    while (t.kind != '>') {
      if (t.kind == T_LINE || t.kind == T_END)
        fault_at(&t, "#include < has no '>'");
      name = join_texts(name, t.space ? " " : "", copy_text(t.text, t.length));
      expand(&t);
    }
    end_directive(" after #include");
    include_file(name, 0);
  } else
    fault_token("", &t, ": #include wants \"NAME\" or <NAME>");
}

/* The line behind its `#`. */
void read_directive(void)
{
  struct Token t;
  struct Name *name;
  char *word;
  struct Condition *c;
  char *begin;
  line_ends_count = 1;
  lex(&t);
  fault_file = t.file;
  fault_line = t.line;
  if (t.kind == T_LINE || t.kind == T_END) {
    line_ends_count = 0;
    return;
  }
  if (t.kind != T_NAME)
    fault_token("", &t, " is no directive");
  word = t.name->text;
  c = source->conditions;
  if (texts_equal(word, "define"))
    read_define();
  else if (texts_equal(word, "undef")) {
    name = directive_name("#undef ");
    if (name->macro && name->macro->special)
      fault_about("", name->text, " cannot be undefined");
    name->macro = 0;
    end_directive(" after #undef");
  } else if (texts_equal(word, "include"))
    read_include();
  else if (texts_equal(word, "if"))
    open_condition(read_condition());
  else if (texts_equal(word, "ifdef") || texts_equal(word, "ifndef")) {
    name = directive_name("#ifdef or #ifndef ");
    end_directive(" after the name");
    open_condition((name->macro != 0) == texts_equal(word, "ifdef"));
  } else if (texts_equal(word, "elif") || texts_equal(word, "else")) {
    if (!c)
      fault_about("", join_texts("#", word, ""), " without #if");
    if (c->final)
      fault("#else was the last group of this condition");
    if (texts_equal(word, "else")) {
      c->final = 1;
      end_directive(" after #else");
    }
    find_group();
  } else if (texts_equal(word, "endif")) {
    if (!c)
      fault("#endif without #if");
    source->conditions = c->below;
    end_directive(" after #endif");
  } else if (texts_equal(word, "pragma") || texts_equal(word, "warning") || texts_equal(word, "error")) {
    skip_blanks();
    begin = source->at;
    while (*source->at != '\n')
      source->at++;
    if (word[0] == 'e')
      fault_about("#error ", copy_text(begin, source->at - begin), "");
    if (word[0] == 'p' && is_meant(begin))
      fault("this #pragma is not supported");
  } else
    fault_about("", join_texts("#", word, ""), ": this directive is not supported");
  line_ends_count = 0;
}

/* ---- macros ---- */

/* The next token, no macro replaced: from the stack of texts, else from the file, directives obeyed. */
void read_token(struct Token *t)
{
  struct Source *ended;
  for (;;) {
    while (context && !context->at && !context->wall)
      pop_context();
    if (context) {
      if (context->at) {
        copy_token(t, context->at);
        context->at = context->at->next;
      } else
        t->kind = T_END;
      return;
    }
    lex(t);
    if (t->kind == '#' && t->first && !line_ends_count)
      read_directive();
    else if (t->kind == T_END) {
      if (source->conditions) {
        source->line = source->conditions->line;
        lexical_fault("this condition has no #endif");
      }
      if (!source->below || line_ends_count)
        return;
      ended = source;
      source = ended->below;
      include_depth--;
    } else
      return;
  }
}

/* A text token that spells the tokens of an argument. */
struct Token *spell(struct Token *list, struct Token *place)
{
  struct Token *n;
  struct Token *t;
  long length = 2;
  long i;
  long j = 1;
  char *s;
  for (n = list; n; n = n->next)
    length += n->length * 2 + 1;
  s = allocate(length + 2);
  s[0] = '"';
  for (n = list; n; n = n->next) {
    if (n->space && n != list)
      s[j++] = ' ';
    for (i = 0; i < n->length; i++) {
      if ((n->kind == T_TEXT || n->kind == T_CHARACTER) && (n->text[i] == '"' || n->text[i] == '\\'))
        s[j++] = '\\';
      s[j++] = n->text[i];
    }
  }
  s[j++] = '"';
  t = token_of(place);
  t->kind = T_TEXT;
  t->text = s;
  t->length = j;
  return t;
}

/* `a ## b`: one token spelled as both, in a's place. */
void paste(struct Token *a, struct Token *b)
{
  struct Source *s;
  struct Source *kept = source;
  struct Token t;
  char *bytes;
  long counts = line_ends_count;
  if (b->kind == T_NOTHING)
    return;
  if (a->kind == T_NOTHING) {
    a->kind = b->kind;
    a->fixed = b->fixed;
    a->name = b->name;
    a->text = b->text;
    a->length = b->length;
    return;
  }
  s = (struct Source *)allocate(sizeof (struct Source));
  bytes = allocate(a->length + b->length + 2);
  copy_bytes(bytes, a->text, a->length);
  copy_bytes(bytes + a->length, b->text, b->length);
  bytes[a->length + b->length] = '\n';
  s->at = bytes;
  s->end = bytes + a->length + b->length;
  s->file = a->file;
  s->line = a->line;
  source = s;
  line_ends_count = 1;
  lex(&t);
  if (s->at != s->end || t.kind == T_END || t.kind == T_OTHER || t.kind == T_LINE) {
    bytes[a->length + b->length] = 0;
    fault_file = a->file;
    fault_line = a->line;
    fault_about("'##' makes ", bytes, ", which is no token");
  }
  source = kept;
  line_ends_count = counts;
  a->kind = t.kind;
  a->name = t.name;
  a->text = t.text;
  a->length = t.length;
  a->fixed = 0;
}

/* The tokens of an argument with all macros replaced, as if they stood alone. */
struct Token *replace_alone(struct Token *list)
{
  struct Token t;
  struct Token *first = 0;
  struct Token *last = 0;
  struct Token *n;
  alone_depth++;
  if (alone_depth > NESTING_LIMIT)
    fault("macro calls are nested too deeply");
  push_context(list, 0, 1);
  for (;;) {
    expand(&t);
    if (t.kind == T_END)
      break;
    n = token_of(&t);
    if (last)
      last->next = n;
    else
      first = n;
    last = n;
  }
  pop_context();
  alone_depth--;
  return first;
}

/* arguments = `(` [tokens { `,` tokens }] `)`, the `(` read already; commas inside parentheses do not count. */
struct Argument *read_arguments(struct Macro *m, struct Token *place)
{
  struct Argument *first = (struct Argument *)allocate(sizeof (struct Argument));
  struct Argument *argument = first;
  struct Token *last = 0;
  struct Token *n;
  struct Token t;
  long count = 1;
  long depth = 0;
  for (;;) {
    read_token(&t);
    if (t.kind == T_END || t.kind == T_LINE) {
      fault_file = place->file;
      fault_line = place->line;
      fault_about("the arguments of the macro ", m->name->text, " have no closing ')'");
    }
    if (t.kind == ')' && depth == 0)
      break;
    if (t.kind == ',' && depth == 0 && !(m->variadic && count == m->parameters)) {
      argument->next = (struct Argument *)allocate(sizeof (struct Argument));
      argument = argument->next;
      last = 0;
      count++;
    } else {
      if (t.kind == '(')
        depth++;
      if (t.kind == ')')
        depth--;
      if (t.first)
        t.space = 1;
      t.first = 0;
      n = token_of(&t);
      if (last)
        last->next = n;
      else
        argument->written = n;
      last = n;
    }
  }
  if (m->parameters == 0 && count == 1 && !first->written)
    return 0;
  if (m->variadic && count == m->parameters - 1) {
    argument->next = (struct Argument *)allocate(sizeof (struct Argument));
    count++;
  }
  if (count != m->parameters) {
    begin_fault();
    say("the macro '");
    say(m->name->text);
    say("' wants ");
    say_number(m->parameters);
    say(" arguments, here are ");
    say_number(count);
    leave();
  }
  return first;
}

struct Token *replacement_last;

/* Appends copies of a list to the replacement text; nothing at all becomes T_NOTHING. */
struct Token *append(struct Token *first, struct Token *list, struct Token *place, long space)
{
  struct Token nothing;
  struct Token *n;
  long begin = 1;
  if (!list) {
    copy_token(&nothing, place);
    nothing.kind = T_NOTHING;
    nothing.length = 0;
    list = &nothing;
  }
  while (list) {
    n = token_of(list);
    n->file = place->file;
    n->line = place->line;
    n->first = 0;
    if (begin)
      n->space = space;
    begin = 0;
    if (replacement_last)
      replacement_last->next = n;
    else
      first = n;
    replacement_last = n;
    list = list->next;
  }
  return first;
}

/* Puts the text of macro m, its parameters replaced, on the stack. */
void substitute(struct Macro *m, struct Argument *arguments, struct Token *place)
{
  struct Token *first = 0;
  struct Token *b = m->text;
  struct Token *n;
  struct Token *begin;
  struct Token *list;
  struct Argument *a;
  long i;
  long pasting = 0;
  long count = 0;
  replacement_last = 0;
  while (b) {
    if (b->kind == T_PASTE) {
      pasting = 1;
      b = b->next;
      continue;
    }
    a = 0;
    n = b;
    if (m->parameters >= 0 && b->kind == '#')
      n = b->next;
    if (n->kind == T_PARAMETER) {
      a = arguments;
      for (i = 0; i < n->value; i++)
        a = a->next;
    }
    if (a && n != b) {
      list = spell(a->written, place);
    } else if (a && (pasting || (b->next && b->next->kind == T_PASTE)))
      list = a->written;
    else if (a) {
      if (!a->done) {
        /* the stack of replacement texts is the same for the argument: keep ours */
        begin = replacement_last;
        a->replaced = replace_alone(a->written);
        replacement_last = begin;
        a->done = 1;
      }
      list = a->replaced;
    } else {
      list = token_of(b);
    }
    if (pasting) {
      /* `, ## __VA_ARGS__` with nothing to put in leaves the comma out, with something there is nothing to join */
      if (a && m->variadic && n->value == m->parameters - 1 && replacement_last->kind == ',') {
        if (list)
          first = append(first, list, place, b->space);
        else
          replacement_last->kind = T_NOTHING;
      } else if (list) {
        paste(replacement_last, list);
        if (list->next)
          first = append(first, list->next, place, list->next->space);
      }
    } else
      first = append(first, list, place, b->space);
    pasting = 0;
    b = n->next;
    count++;
  }
  /* leave out what is nothing */
  begin = 0;
  list = 0;
  while (first) {
    n = first;
    first = n->next;
    n->next = 0;
    if (n->kind != T_NOTHING) {
      if (list)
        list->next = n;
      else {
        begin = n;
        n->space = place->space;
      }
      list = n;
    }
  }
  push_context(begin, m, 0);
}

void special_macro(struct Token *t, long special)
{
  long n = source->line;
  char *s;
  long i = 0;
  if (special == 2) {
    s = allocate(text_length(source->file) * 2 + 3);
    s[i++] = '"';
    for (n = 0; source->file[n]; n++) {
      if (source->file[n] == '"' || source->file[n] == '\\')
        s[i++] = '\\';
      s[i++] = source->file[n];
    }
    s[i++] = '"';
    t->text = s;
    t->length = i;
    t->kind = T_TEXT;
    return;
  }
  s = allocate(24) + 22;
  do {
    s--;
    *s = (char)('0' + n % 10);
    n /= 10;
    i++;
  } while (n);
  t->kind = T_NUMBER;
  t->text = s;
  t->length = i;
}

/* The next token, macros replaced. Gives its kind. */
long expand(struct Token *t)
{
  struct Macro *m;
  struct Token after;
  struct Argument *arguments;
  for (;;) {
    read_token(t);
    if (t->kind != T_NAME || t->fixed || !t->name->macro)
      return t->kind;
    m = t->name->macro;
    if (m->busy) {
      t->fixed = 1;
      return t->kind;
    }
    if (m->special) {
      special_macro(t, m->special);
      return t->kind;
    }
    arguments = 0;
    if (m->parameters >= 0) {
      read_token(&after);
      if (after.kind != '(') {
        unread(&after);
        return t->kind;
      }
      fault_file = t->file;
      fault_line = t->line;
      arguments = read_arguments(m, t);
    }
    substitute(m, arguments, t);
  }
  return 0;
}

void define_special(char *name, long special)
{
  struct Name *n = intern_text(name);
  struct Macro *m = (struct Macro *)allocate(sizeof (struct Macro));
  m->name = n;
  m->parameters = -1;
  m->special = special;
  n->macro = m;
}

/* Forgets all macros: a translation unit begins. */
void clear_macros(void)
{
  long i;
  struct Name *n;
  for (i = 0; i < NAME_BUCKETS; i++)
    for (n = name_buckets[i]; n; n = n->next)
      n->macro = 0;
  context = 0;
  name_defined = intern_text("defined");
  name_rest = intern_text("__VA_ARGS__");
  define_special("__LINE__", 1);
  define_special("__FILE__", 2);
}

/* -D NAME or -D NAME=TEXT, as `#define NAME 1` or `#define NAME TEXT` would. */
void define_from_command(char *s)
{
  long n = text_length(s);
  char *bytes = allocate(n + 4);
  long i = 0;
  copy_bytes(bytes, s, n);
  while (s[i] && s[i] != '=')
    i++;
  if (s[i])
    bytes[i] = ' ';
  else {
    bytes[n++] = ' ';
    bytes[n++] = '1';
  }
  bytes[n] = '\n';
  enter_file("command line", bytes, n + 1);
  line_ends_count = 1;
  read_define();
  line_ends_count = 0;
  source = source->below;
  include_depth--;
}
