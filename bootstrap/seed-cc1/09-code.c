/* cc1, code: the program under construction: four areas of bytes, the objects in them, references between them, labels.
   It knows machine code as bytes only.

   Memory map of the program that is made:
     0x400000   ELF header and program headers, then `text`: machine code; readable, executable
                `constants`: texts; the same segment
     next page  `data`: objects with an initialiser; then `zeros`: objects without; readable, writable */

enum { A_NONE, A_TEXT, A_CONSTANTS, A_DATA, A_ZEROS };
enum { AREA_ROOM = 0x2000000 };

/* A function or variable that lives for the whole run. */
struct Object {
  struct Name *name;      /* 0: a text, or something without a name of its own */
  long area;              /* A_NONE: not defined yet */
  long offset;
  struct Type *type;
  long tentative;         /* `int x;` without initialiser: defined by the end of the unit if nothing else does */
  long unit;              /* the translation unit that defines it */
  char *file;             /* where it was declared, defined or first used */
  long line;
  struct Object *next;
};

/* Four or eight bytes at `offset` of an area are to hold the address of an object plus `more`. */
enum { R_NEAR, R_ADDRESS, R_WIDE };  /* 4 bytes relative to their end; 4 bytes; 8 bytes */

struct Reference {
  long area;
  long offset;
  long form;
  struct Object *object;
  long more;
  char *file;
  long line;
  struct Reference *next;
};

char text_bytes[0x2000000];
char constant_bytes[0x2000000];
char data_bytes[0x2000000];
long text_size;
long constants_size;
long data_size;
long zeros_size;

struct Object *objects;
struct Object *last_object;
struct Reference *references;

struct Object *make_object(struct Name *name, struct Type *type)
{
  struct Object *o = (struct Object *)allocate(sizeof (struct Object));
  o->name = name;
  o->type = type;
  o->file = fault_file;
  o->line = fault_line;
  if (last_object)
    last_object->next = o;
  else
    objects = o;
  last_object = o;
  return o;
}

char *area_bytes(long area)
{
  if (area == A_TEXT)
    return text_bytes;
  if (area == A_CONSTANTS)
    return constant_bytes;
  return data_bytes;
}

/* Room for `size` bytes in an area; gives its offset. */
long reserve(long area, long size, long align)
{
  long at = area == A_ZEROS ? zeros_size : area == A_DATA ? data_size : constants_size;
  at = (at + align - 1) / align * align;
  if (at + size > (area == A_ZEROS ? SIZE_LIMIT : AREA_ROOM))
    fault("the program is too large");
  if (area == A_ZEROS)
    zeros_size = at + size;
  else if (area == A_DATA)
    data_size = at + size;
  else
    constants_size = at + size;
  return at;
}

/* Gives back what was put into `constants` from offset `at` on. */
void release_constants(long at)
{
  while (constants_size > at)
    constant_bytes[--constants_size] = 0;
}

void refer(long area, long offset, long form, struct Object *object, long more)
{
  struct Reference *r = (struct Reference *)allocate(sizeof (struct Reference));
  r->area = area;
  r->offset = offset;
  r->form = form;
  r->object = object;
  r->more = more;
  r->file = fault_file;
  r->line = fault_line;
  r->next = references;
  references = r;
}

void store_bytes(char *to, long value, long n)
{
  long i;
  for (i = 0; i < n; i++)
    to[i] = (char)(value >> (i * 8));
}

void byte(long b)
{
  if (text_size >= AREA_ROOM)
    fault("the program is too large");
  text_bytes[text_size++] = (char)b;
}

long hex_digit(long c)
{
  if (is_digit(c))
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return -1;
}

/* Machine code, written as hex digits and blanks. */
void code(char *hex)
{
  while (*hex) {
    if (*hex == ' ')
      hex++;
    else {
      byte(hex_digit(*hex) * 16 + hex_digit(hex[1]));
      hex += 2;
    }
  }
}

void word(long v)
{
  byte(v);
  byte(v >> 8);
  byte(v >> 16);
  byte(v >> 24);
}

/* Four bytes of code that will hold the object's address. */
void address_word(struct Object *object, long more)
{
  refer(A_TEXT, text_size, R_ADDRESS, object, more);
  word(0);
}

void near_word(struct Object *object)
{
  refer(A_TEXT, text_size, R_NEAR, object, 0);
  word(0);
}

long fits_word(long v)
{
  return v >= -0x7fffffff && v <= 0x7fffffff;
}

/* ---- labels: places in the function being compiled. Jumps to a place not yet known are chained through their four bytes. ---- */

struct Label {
  long place;  /* -1: not known yet */
  long chain;  /* the latest jump that waits, 0: none */
};

struct Label *make_label(void)
{
  struct Label *l = (struct Label *)allocate(sizeof (struct Label));
  l->place = -1;
  return l;
}

long load_word(long at)
{
  return (text_bytes[at] & 255) | (text_bytes[at + 1] & 255) << 8 | (text_bytes[at + 2] & 255) << 16 | (text_bytes[at + 3] & 255) << 24;
}

/* The four bytes of a jump's distance. */
void distance_to(struct Label *l)
{
  if (l->place >= 0)
    word(l->place - (text_size + 4));
  else {
    word(l->chain);
    l->chain = text_size - 4;
  }
}

void place_label(struct Label *l)
{
  long at = l->chain;
  long next;
  l->place = text_size;
  while (at) {
    next = load_word(at);
    store_bytes(text_bytes + at, l->place - (at + 4), 4);
    at = next;
  }
  l->chain = 0;
}

void jump(struct Label *l)
{
  code("e9"); /* jmp l */
  distance_to(l);
}
