/* cc1, tokens: what the parser reads: `token` is the token to be read next; `next` goes on, `peek` looks one further. Keywords,
   and what numbers, characters and texts are worth. */

enum {
  W_AUTO = 200, W_BOOL, W_BREAK, W_CASE, W_CHAR, W_CONST, W_CONTINUE, W_DEFAULT, W_DO, W_DOUBLE, W_ELSE, W_ENUM, W_EXTERN, W_FLOAT,
  W_FOR, W_GOTO, W_IF, W_INLINE, W_INT, W_LONG, W_REGISTER, W_RETURN, W_SHORT, W_SIGNED, W_SIZEOF, W_STATIC, W_STRUCT, W_SWITCH,
  W_TYPEDEF, W_UNION, W_UNSIGNED, W_VOID, W_VOLATILE, W_WHILE, W_ATTRIBUTE, W_BYTES, W_RESTRICT
};

struct Token token;
struct Token token_ahead;
long is_ahead;
long nesting;

void keyword(char *text, long code)
{
  struct Name *n = intern_text(text);
  n->keyword = code;
}

void prepare_keywords(void)
{
  keyword("auto", W_AUTO);
  keyword("_Bool", W_BOOL);
  keyword("break", W_BREAK);
  keyword("case", W_CASE);
  keyword("char", W_CHAR);
  keyword("const", W_CONST);
  keyword("__const", W_CONST);
  keyword("continue", W_CONTINUE);
  keyword("default", W_DEFAULT);
  keyword("do", W_DO);
  keyword("double", W_DOUBLE);
  keyword("else", W_ELSE);
  keyword("enum", W_ENUM);
  keyword("extern", W_EXTERN);
  keyword("float", W_FLOAT);
  keyword("for", W_FOR);
  keyword("goto", W_GOTO);
  keyword("if", W_IF);
  keyword("inline", W_INLINE);
  keyword("__inline", W_INLINE);
  keyword("__inline__", W_INLINE);
  keyword("int", W_INT);
  keyword("long", W_LONG);
  keyword("register", W_REGISTER);
  keyword("restrict", W_RESTRICT);
  keyword("__restrict", W_RESTRICT);
  keyword("return", W_RETURN);
  keyword("short", W_SHORT);
  keyword("signed", W_SIGNED);
  keyword("sizeof", W_SIZEOF);
  keyword("static", W_STATIC);
  keyword("struct", W_STRUCT);
  keyword("switch", W_SWITCH);
  keyword("typedef", W_TYPEDEF);
  keyword("union", W_UNION);
  keyword("unsigned", W_UNSIGNED);
  keyword("void", W_VOID);
  keyword("volatile", W_VOLATILE);
  keyword("__volatile__", W_VOLATILE);
  keyword("while", W_WHILE);
  keyword("__attribute__", W_ATTRIBUTE);
  keyword("__bytes", W_BYTES);
}

void read_parser_token(struct Token *t)
{
  expand(t);
  if (t->kind == T_NAME && t->name->keyword)
    t->kind = t->name->keyword;
}

void next(void)
{
  if (is_ahead) {
    copy_token(&token, &token_ahead);
    is_ahead = 0;
  } else {
    /* read_token leaves an end's place as it finds it */
    token.file = source->file;
    token.line = source->line;
    read_parser_token(&token);
  }
  if (token.kind == T_END) {
    token.file = source->file;
    token.line = source->line > 1 ? source->line - 1 : 1; /* the last line, not the one behind it */
  }
  fault_file = token.file;
  fault_line = token.line;
}

long peek(void)
{
  if (!is_ahead) {
    read_parser_token(&token_ahead);
    is_ahead = 1;
  }
  fault_file = token.file;
  fault_line = token.line;
  return token_ahead.kind;
}

void unexpected(char *wanted)
{
  fault_token("", &token, wanted);
}

void want(long kind, char *wanted)
{
  if (token.kind != kind)
    unexpected(wanted);
  next();
}

void want_semicolon(void)
{
  want(';', ": ';' must stand here");
}

void nest(void)
{
  nesting++;
  if (nesting > NESTING_LIMIT)
    fault("nested too deeply");
}

/* ---- constants ---- */

/* A whole number's value:  (`0x` hex | `0` octal | decimal) { `u`|`U`|`l`|`L` }  */
long integer_value(struct Token *t, long *without_sign, long *is_long)
{
  char *s = t->text;
  char *end = s + t->length;
  long v = 0;
  long base = 10;
  long d;
  long u = 0;
  long l = 0;
  if (*s == '0') {
    base = 8;
    if (t->length > 2 && (s[1] == 'x' || s[1] == 'X')) {
      base = 16;
      s += 2;
    }
  }
  while (s < end) {
    d = *s;
    if (d >= '0' && d <= '9')
      d -= '0';
    else if (d >= 'a' && d <= 'f' && base == 16)
      d -= 'a' - 10;
    else if (d >= 'A' && d <= 'F' && base == 16)
      d -= 'A' - 10;
    else
      break;
    if (d >= base)
      fault_token("", t, " is no number");
    if (unsigned_less(unsigned_divide(-1 - d, base), v))
      fault_token("the number ", t, " is too large");
    v = v * base + d;
    s++;
  }
  while (s < end) {
    if ((*s == 'u' || *s == 'U') && !u)
      u = 1;
    else if ((*s == 'l' || *s == 'L') && l < 2)
      l++;
    else
      fault_token("", t, " is no number");
    s++;
  }
  if (v < 0)
    u = 1;
  *without_sign = u;
  *is_long = l;
  return v;
}

/* The type is the first of int, unsigned (not for decimal), long, unsigned long that the suffix allows and the value fits. */
struct Node *number(void)
{
  long u;
  long l;
  long v;
  long i;
  long is_floating = 0;
  long not_decimal;
  long hex = token.length > 1 && token.text[0] == '0' && (token.text[1] == 'x' || token.text[1] == 'X');
  char *s;
  struct Type *t;
  struct Node *n;
  for (i = 0; i < token.length; i++)
    if (token.text[i] == '.' || (!hex && (token.text[i] == 'e' || token.text[i] == 'E')))
      is_floating = 1;
  if (is_floating) {
    s = copy_text(token.text, token.length);
    i = read_decimal(s);
    t = type_double;
    if (i > 0 && (s[i] == 'f' || s[i] == 'F')) {
      t = &type_table[K_FLOAT];
      i++;
    } else if (i > 0 && (s[i] == 'l' || s[i] == 'L')) {
      t = &type_table[K_LDOUBLE];
      i++;
    }
    if (i != token.length)
      unexpected(" is no number");
    n = float_node(t, 0);
    next();
    return n;
  }
  not_decimal = token.text[0] == '0';
  v = integer_value(&token, &u, &l);
  next();
  if (!l && v >= 0 && v <= 0x7fffffff)
    return integer_node(v, u ? type_uint : type_int);
  if (!l && v >= 0 && v < (long)1 << 32 && (u || not_decimal))
    return integer_node(v, type_uint);
  return integer_node(v, u ? type_ulong : type_long);
}

/* One character of a text or character constant, *s behind its first byte:
     `\` (n t r a b f v e \ ' " ? | 1…3 octal digits | x hex digits) | any other byte */
char *escape_at;

long read_escape(void)
{
  long c = *escape_at & 255;
  long v = 0;
  long n = 0;
  escape_at++;
  if (c != '\\')
    return c;
  c = *escape_at;
  escape_at++;
  switch (c) {
  case 'n': return '\n';
  case 't': return '\t';
  case 'r': return '\r';
  case 'a': return 7;
  case 'b': return 8;
  case 'f': return 12;
  case 'v': return 11;
  case 'e': return 27;
  case '\\': case '\'': case '"': case '?': return c;
  case 'x':
    for (;;) {
      c = *escape_at;
      if (c >= 'A' && c <= 'F')
        c += 'a' - 'A';
      c = hex_digit(c);
      if (c < 0)
        break;
      v = (v * 16 + c) & 0xfff;
      n++;
      escape_at++;
    }
    if (n == 0 || v > 255)
      fault("this \\x gives no byte");
    return v;
  }
  if (c < '0' || c > '7')
    fault("this escape in a text or character is not known");
  escape_at--;
  while (n < 3 && *escape_at >= '0' && *escape_at <= '7') {
    v = v * 8 + *escape_at - '0';
    escape_at++;
    n++;
  }
  if (v > 255)
    fault("this escape gives no byte");
  return v;
}

/* Several characters make a number as gcc makes it: each shifts the earlier ones. */
long character_value(struct Token *t)
{
  char *end = t->text + t->length - 1;
  long v = 0;
  long n = 0;
  escape_at = t->text + 1;
  while (escape_at < end) {
    v = (v << 8) | read_escape();
    n++;
  }
  if (n == 0 || n > 4)
    fault("a character constant holds one to four characters");
  return n == 1 ? cut_to(type_char, v) : cut_to(type_int, v);
}

/* text { text }: one array of char in `constants` */
struct Node *text_constant(void)
{
  long room = 256;
  long n = 0;
  char *bytes = allocate(room);
  char *larger;
  char *end;
  struct Object *o;
  while (token.kind == T_TEXT) {
    escape_at = token.text + 1;
    end = token.text + token.length - 1;
    while (n + token.length + 1 > room) {
      larger = allocate(room * 4);
      copy_bytes(larger, bytes, n);
      bytes = larger;
      room *= 4;
    }
    while (escape_at < end)
      bytes[n++] = (char)read_escape();
    next();
  }
  o = make_object(0, array_of(type_char, n + 1));
  o->area = A_CONSTANTS;
  o->offset = reserve(A_CONSTANTS, n + 1, 1);
  copy_bytes(constant_bytes + o->offset, bytes, n);
  return object_node(o, o->type);
}
