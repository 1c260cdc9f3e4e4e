/* cc1, macros: tokens with directives obeyed and macros replaced: arguments, # and ##, what a command line defines. */

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
