/* cc1, lexer: the bytes of a file to tokens, one at a time, comments and joined lines gone.
   It knows nothing of directives and macros (the preprocessor) nor of keywords: a keyword is a name here.

     token      = name | number | character | text | operator
     name       = (letter | `_` | `$`) { letter | digit | `_` | `$` }
     number     = [`.`] digit { digit | letter | `_` | `.` | (`e`|`E`|`p`|`P`) (`+`|`-`) }      a preprocessing number
     character  = [`L`] ' … '          text = " … "             kept as spelled; read by tokens
     operator   = the longest of the spellings in `operators` below
     blank      = space, tab, form feed, vertical tab, carriage return, comment

   A backslash at a line's end joins the next line. No trigraphs, no digraphs, no wide characters (a fault). */

enum {
  T_END, T_LINE, T_NAME, T_NUMBER, T_CHARACTER, T_TEXT, T_PARAMETER, T_NOTHING, T_OTHER,
  /* operators of one byte are that byte; the others: */
  T_ARROW = 128, T_INCREMENT, T_DECREMENT, T_SHIFT_LEFT, T_SHIFT_RIGHT, T_LESS_EQUAL, T_GREATER_EQUAL, T_EQUAL, T_UNEQUAL,
  T_AND, T_OR, T_DOTS, T_SET_MULTIPLY, T_SET_DIVIDE, T_SET_REMAINDER, T_SET_ADD, T_SET_SUBTRACT, T_SET_SHIFT_LEFT,
  T_SET_SHIFT_RIGHT, T_SET_AND, T_SET_EXCLUSIVE, T_SET_OR, T_PASTE
};

/* Longest spelling first where one begins another; `operator_codes` runs beside it. */
char *operators[] = {
  "<<=", ">>=", "...", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "*=", "/=", "%=", "+=", "-=", "&=",
  "^=", "|=", "##", 0
};
long operator_codes[] = {
  T_SET_SHIFT_LEFT, T_SET_SHIFT_RIGHT, T_DOTS, T_ARROW, T_INCREMENT, T_DECREMENT, T_SHIFT_LEFT, T_SHIFT_RIGHT, T_LESS_EQUAL,
  T_GREATER_EQUAL, T_EQUAL, T_UNEQUAL, T_AND, T_OR, T_SET_MULTIPLY, T_SET_DIVIDE, T_SET_REMAINDER, T_SET_ADD, T_SET_SUBTRACT,
  T_SET_AND, T_SET_EXCLUSIVE, T_SET_OR, T_PASTE
};

struct Token {
  long kind;
  long space;         /* blank before it */
  long first;         /* first of its line */
  long fixed;         /* a macro's name that is not to be replaced any more */
  long value;         /* T_PARAMETER: its number */
  struct Name *name;  /* T_NAME, T_PARAMETER */
  char *text;         /* its spelling */
  long length;
  char *file;
  long line;
  struct Token *next;
};

/* A file being read, the one that includes it below. */
struct Source {
  char *at;
  char *end;
  char *file;
  char *folder;
  long line;
  long fresh;         /* nothing but blanks since the line began */
  struct Condition *conditions;
  struct Source *below;
};

struct Source *source;
long line_ends_count;  /* inside a directive: T_LINE at the line's end, which stays unread */

long is_digit(long c)
{
  return c >= '0' && c <= '9';
}

long is_name_start(long c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
}

long is_name_part(long c)
{
  return is_name_start(c) || is_digit(c);
}

/* The whole file, a newline and a NUL behind it; 0 when it cannot be opened. Joined lines are joined: as many newlines
   as were taken out follow the next one, so later lines keep their numbers. */
char *read_file(char *path, long *length)
{
  long handle = sys(SYS_OPEN, (long)path, 0, 0);
  long room = 0x4000;
  long used = 0;
  long joined = 0;
  long from;
  long to = 0;
  long got;
  char *bytes;
  char *larger;
  if (handle < 0)
    return 0;
  bytes = allocate(room);
  for (;;) {
    if (used == room) {
      larger = allocate(room * 4);
      copy_bytes(larger, bytes, used);
      bytes = larger;
      room *= 4;
    }
    got = sys(SYS_READ, handle, (long)(bytes + used), room - used);
    if (got < 0) {
      fault_file = path;
      fault_line = 1;
      fault("cannot be read");
    }
    if (got == 0)
      break;
    used += got;
  }
  sys(SYS_CLOSE, handle, 0, 0);
  larger = allocate(used + 4);
  for (from = 0; from < used; from++) {
    if (bytes[from] == '\\' && from + 1 < used && bytes[from + 1] == '\n') {
      from++;
      joined++;
    } else {
      larger[to++] = bytes[from];
      if (bytes[from] == '\n')
        while (joined > 0) {
          larger[to++] = '\n';
          joined--;
        }
    }
  }
  if (to == 0 || larger[to - 1] != '\n')
    larger[to++] = '\n';
  *length = to;
  return larger;
}

void lexical_fault(char *reason)
{
  fault_file = source->file;
  fault_line = source->line;
  fault(reason);
}

/* Past blanks and comments; past newlines too unless a directive is being read. Gives whether there were any. */
long skip_blanks(void)
{
  long blank = 0;
  char *p = source->at;
  long begin;
  for (;;) {
    if (*p == ' ' || *p == '\t' || *p == '\f' || *p == '\v' || *p == '\r')
      p++;
    else if (*p == '\n' && !line_ends_count && p < source->end) {
      p++;
      source->line++;
      source->fresh = 1;
    } else if (*p == '/' && p[1] == '*') {
      begin = source->line;
      p += 2;
      while (!(*p == '*' && p[1] == '/')) {
        if (p >= source->end) {
          source->line = begin;
          lexical_fault("this comment never ends");
        }
        if (*p == '\n')
          source->line++;
        p++;
      }
      p += 2;
    } else if (*p == '/' && p[1] == '/') {
      while (*p != '\n' && p < source->end)
        p++;
    } else
      break;
    blank = 1;
  }
  source->at = p;
  return blank;
}

/* The next token of the file: T_END at its end, again and again. */
void lex(struct Token *t)
{
  char *p;
  long c;
  long i;
  long quote;
  t->space = skip_blanks();
  t->first = source->fresh;
  t->fixed = 0;
  t->value = 0;
  t->name = 0;
  t->next = 0;
  t->file = source->file;
  t->line = source->line;
  source->fresh = 0;
  p = source->at;
  t->text = p;
  t->length = 0;
  if (p >= source->end) {
    t->kind = T_END;
    source->fresh = t->first;
    return;
  }
  c = *p;
  if (c == '\n') {
    t->kind = T_LINE;
    return;
  }
  if (is_name_start(c)) {
    while (is_name_part(*p))
      p++;
    t->kind = T_NAME;
    t->name = intern(t->text, p - t->text);
    if (t->name->length == 1 && *t->text == 'L' && (*p == '"' || *p == '\''))
      lexical_fault("wide characters are not supported");
  } else if (is_digit(c) || (c == '.' && is_digit(p[1]))) {
    while (is_name_part(*p) || *p == '.' || ((*p == '+' || *p == '-') && (p[-1] == 'e' || p[-1] == 'E' || p[-1] == 'p' || p[-1] == 'P')))
      p++;
    t->kind = T_NUMBER;
  } else if (c == '"' || c == '\'') {
    quote = c;
    p++;
    while (*p != quote) {
      if (*p == '\\' && p[1] != '\n')
        p++;
      if (*p == '\n' || p >= source->end)
        lexical_fault(quote == '"' ? "this text has no closing quote in its line" : "this character has no closing quote in its line");
      p++;
    }
    p++;
    t->kind = quote == '"' ? T_TEXT : T_CHARACTER;
  } else {
    t->kind = 0;
    for (i = 0; operators[i]; i++)
      if (c == operators[i][0] && p[1] == operators[i][1] && (operators[i][2] == 0 || p[2] == operators[i][2])) {
        t->kind = operator_codes[i];
        p += operators[i][2] ? 3 : 2;
        break;
      }
    if (t->kind == 0) {
      t->kind = T_OTHER;
      if (c > 32 && c < 127 && c != '@' && c != '`' && c != '\\')
        t->kind = c;
      p++;
    }
  }
  t->length = p - t->text;
  source->at = p;
}
