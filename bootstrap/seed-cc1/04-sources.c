/* cc1, sources: the first of four parts of the preprocessor (sources, conditions, directives, macros): the stack of files and of
   macros' texts that tokens come from. `expand`, in macros, gives the parser's tokens one by one.

     line       = text line | `#` directive
     directive  = `include` (text | `<`…`>` | macro giving one) | `define` name [`(` [names [`,` `...`]] `)`] tokens | `undef` name
                | (`if` condition | `ifdef` name | `ifndef` name) lines { `elif` condition lines } [`else` lines] `endif`
                | `error` … | `warning` … | `pragma` … | nothing
     condition  = choice over whole numbers, with `defined name`, `defined (name)`, names counting as 0

   Tokens come from a stack: texts of macros being replaced (Context) above files (Source, in the lexer). A macro whose text is still on the
   stack is not replaced again; a name met in that state is `fixed` for good, as the standard wants. Arguments may be empty, are
   replaced completely before they are put in, and as written beside # and ##. `__LINE__`, `__FILE__`, `__STDC__` are there;
   `__DATE__` and `__TIME__` are not, since they would make two runs differ.
   Refused: #line, #pragma pack, once, push_macro and pop_macro (others mean nothing here), another definition of a macro
   that is defined, an argument count that does not fit. */

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

/* ---- the line of a directive ---- */

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
