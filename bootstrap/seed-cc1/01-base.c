/* cc1, base: what every other part stands on: system calls, memory, texts, faults, names.

   cc1 is a C compiler: C sources in, a static x86_64 Linux program out. It is written in the language of cc0 (bootstrap/seed-cc0),
   a strict subset of C90 with the types long, char, pointers, arrays and structs; all its parts are one program, read in order.

     cc1 -o OUT [-D NAME[=TEXT]] [-I FOLDER] [-m] A.c B.c …      -m: print address and name of all that has a name

   Each source is a translation unit of its own; external names join by spelling; no linker and no object files.
   Parts: base, lexer, decimal; the preprocessor: sources, conditions, directives, macros; types, code, trees; the generator: values,
   generator; the parser: tokens, expressions, specifiers, declarations, initialisers, statements; and program: the ELF file and main.

   The language: C90, and what tcc's source needs besides: `//`, long long, empty macro arguments, `...` in macros, inline,
   _Bool, anonymous structs and unions, bit-fields of any integer type, declarations between statements, and `__bytes`,
   machine code as hex digits. One unit's grammar, the rest of it in sources and in the parts of the parser:

     unit = { declaration | `;` }

   Refused by name, never compiled wrongly: functions in the old style, implicit int, undeclared functions, designated
   initialisers, values of a type in braces, arrays of variable size, flexible array members, bit-fields of 33 to 63 bits,
   floating arithmetic in initialisers of static variables, wide characters, hexadecimal floating constants, attributes that
   change layout or linkage, asm, and conversions between pointers and numbers, or unlike pointers, without a cast.

   Memory: everything is taken from the break (brk), in order, zeroed by the kernel, and never given back: a compilation ends soon.
   The program under construction lies in four global byte arrays (in code). Nothing depends on an address, so the same
   sources give the same bytes anywhere.

   Faults: the first one ends the run with `FILE:LINE: reason` on standard error and exit status 1; the output is written
   only when all sources are through. */

long sys(long number, long a, long b, long c);

enum { SYS_READ = 0, SYS_WRITE = 1, SYS_OPEN = 2, SYS_CLOSE = 3, SYS_BRK = 12, SYS_EXIT = 60, SYS_UNLINK = 87 };
enum { MEMORY_LIMIT = 0x60000000, MEMORY_STEP = 0x100000, NESTING_LIMIT = 400 };

/* A spelling met anywhere: two equal spellings are one Name, so names compare as pointers. What the spelling means
   at the moment hangs on it: keyword code (0: none), macro, innermost ordinary symbol, tag, program-wide object. */
struct Name {
  char *text;
  long length;
  long keyword;
  struct Macro *macro;
  struct Symbol *symbol;
  struct Symbol *tag;
  struct Object *object;
  struct Name *next;
};

/* The token the compiler looks at; a fault is reported at its place. */
char *fault_file;
long fault_line;

long text_length(char *s)
{
  long n = 0;
  while (s[n])
    n++;
  return n;
}

long texts_equal(char *a, char *b)
{
  long i = 0;
  while (a[i] && a[i] == b[i])
    i++;
  return a[i] == b[i];
}

void copy_bytes(char *to, char *from, long n)
{
  long i;
  for (i = 0; i < n; i++)
    to[i] = from[i];
}

/* Messages are put together here, then written in one call. */
char message[4096];
long message_length;

void say(char *s)
{
  while (*s && message_length < 4000) {
    message[message_length++] = *s;
    s++;
  }
}

void say_number(long n)
{
  char digits[24];
  long i = 0;
  if (n < 0) {
    say("-");
    n = -n;
  }
  do {
    digits[i++] = (char)('0' + n % 10);
    n /= 10;
  } while (n);
  while (i > 0) {
    i--;
    if (message_length < 4000)
      message[message_length++] = digits[i];
  }
}

void say_part(char *s, long n)
{
  long i;
  for (i = 0; i < n && i < 200; i++)
    if (message_length < 4000)
      message[message_length++] = s[i];
}

void leave(void)
{
  say("\n");
  sys(SYS_WRITE, 2, (long)message, message_length);
  sys(SYS_EXIT, 1, 0, 0);
}

void begin_fault(void)
{
  message_length = 0;
  if (fault_file) {
    say(fault_file);
    say(":");
    say_number(fault_line);
    say(": ");
  } else
    say("cc1: ");
}

void fault(char *reason)
{
  begin_fault();
  say(reason);
  leave();
}

/* `before 'what' after`; `what` ends at NUL. */
void fault_about(char *before, char *what, char *after)
{
  begin_fault();
  say(before);
  say("'");
  say_part(what, text_length(what));
  say("'");
  say(after);
  leave();
}

long memory_next;
long memory_end;
long memory_begin;

/* n bytes of zeros, at an address that 16 divides. */
char *allocate(long n)
{
  long at;
  if (memory_next == 0) {
    memory_begin = (sys(SYS_BRK, 0, 0, 0) + 15) & ~15;
    memory_next = memory_begin;
    memory_end = memory_begin;
  }
  if (n < 0 || n > MEMORY_LIMIT)
    fault("this needs more memory than cc1 may use");
  at = memory_next;
  memory_next = (at + n + 15) & ~15;
  if (memory_next > memory_end) {
    if (memory_next - memory_begin > MEMORY_LIMIT)
      fault("this needs more memory than cc1 may use");
    memory_end = memory_next + MEMORY_STEP;
    if (sys(SYS_BRK, memory_end, 0, 0) < memory_end)
      fault("no memory left");
  }
  return (char *)at;
}

char *copy_text(char *s, long n)
{
  char *t = allocate(n + 1);
  copy_bytes(t, s, n);
  return t;
}

enum { NAME_BUCKETS = 4096 };
struct Name *name_buckets[4096];

/* The Name of the n bytes at s. */
struct Name *intern(char *s, long n)
{
  struct Name *name;
  long hash = n;
  long i;
  for (i = 0; i < n; i++)
    hash = (hash * 31 + (s[i] & 255)) & 0xffffff;
  hash %= NAME_BUCKETS;
  name = name_buckets[hash];
  while (name) {
    if (name->length == n) {
      i = 0;
      while (i < n && name->text[i] == s[i])
        i++;
      if (i == n)
        return name;
    }
    name = name->next;
  }
  name = (struct Name *)allocate(sizeof (struct Name));
  name->text = copy_text(s, n);
  name->length = n;
  name->next = name_buckets[hash];
  name_buckets[hash] = name;
  return name;
}

struct Name *intern_text(char *s)
{
  return intern(s, text_length(s));
}
