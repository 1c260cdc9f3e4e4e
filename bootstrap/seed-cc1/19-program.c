/* cc1, program: the command line, the units one after another, the references, and the ELF file. */

enum { FILE_HEAD = 0xf0, LOAD_AT = 0x400000, PAGE = 4096 };

char file_head[0xf0];
long constants_at;  /* offsets in the file; LOAD_AT more is the address */
long data_at;
long zeros_at;

long address_of_area(long area)
{
  if (area == A_TEXT)
    return LOAD_AT + FILE_HEAD;
  if (area == A_CONSTANTS)
    return LOAD_AT + constants_at;
  if (area == A_DATA)
    return LOAD_AT + data_at;
  return LOAD_AT + zeros_at;
}

/* Fills in every reference; the first one to something nobody defines is a fault. */
void resolve(void)
{
  struct Reference *r;
  struct Reference *missing = 0;
  long v;
  char *to;
  for (r = references; r; r = r->next) {
    if (r->object->area == A_NONE) {
      missing = r;
      continue;
    }
    v = address_of_area(r->object->area) + r->object->offset + r->more;
    to = area_bytes(r->area) + r->offset;
    if (r->form == R_NEAR)
      v -= address_of_area(r->area) + r->offset + 4;
    else if (r->form == R_ADDRESS && !fits_word(v)) {
      fault_file = r->file;
      fault_line = r->line;
      fault("this address is out of reach");
    }
    store_bytes(to, v, r->form == R_WIDE ? 8 : 4);
  }
  if (missing) {
    fault_file = missing->file;
    fault_line = missing->line;
    fault_about("", missing->object->name->text, " is used, but no source defines it");
  }
}

long head_at;

void head(long value, long size)
{
  store_bytes(file_head + head_at, value, size);
  head_at += size;
}

void segment(long type, long flags, long offset, long file_size, long memory_size, long align)
{
  head(type, 4);
  head(flags, 4);
  head(offset, 8);
  head(type == 1 ? LOAD_AT + offset : 0, 8);
  head(type == 1 ? LOAD_AT + offset : 0, 8);
  head(file_size, 8);
  head(memory_size, 8);
  head(align, 8);
}

void put(char *path, long handle, char *bytes, long n)
{
  long done;
  while (n > 0) {
    done = sys(SYS_WRITE, handle, (long)bytes, n);
    if (done <= 0) {
      sys(SYS_UNLINK, (long)path, 0, 0);
      fault_file = 0;
      fault_about("", path, " cannot be written");
    }
    bytes += done;
    n -= done;
  }
}

char padding[4096];

void write_program(char *path)
{
  struct Name *name = intern_text("_start");
  struct Object *start = name->object;
  long handle;
  long text_end = FILE_HEAD + text_size;
  long constants_end;
  fault_file = 0;
  if (!start || start->area != A_TEXT)
    fault("no source defines the function _start");
  constants_at = round_up(text_end, 16);
  constants_end = constants_at + constants_size;
  data_at = round_up(constants_end, PAGE);
  zeros_at = round_up(data_at + data_size, 16);
  resolve();
  head(0x464c457f, 4);             /* 0x7f 'E' 'L' 'F' */
  head(0x00010102, 4);             /* 64 bits, little-endian, version 1 */
  head(0, 8);
  head(2, 2);                      /* ET_EXEC */
  head(62, 2);                     /* EM_X86_64 */
  head(1, 4);
  head(address_of_area(A_TEXT) + start->offset, 8);
  head(64, 8);                     /* program headers begin */
  head(0, 8);                      /* no sections */
  head(0, 4);
  head(64, 2);
  head(56, 2);
  head(3, 2);
  head(0, 6);
  segment(1, 5, 0, constants_end, constants_end, PAGE);
  segment(1, 6, data_at, data_size, zeros_at - data_at + zeros_size, PAGE);
  segment(0x6474e551, 6, 0, 0, 0, 16); /* PT_GNU_STACK: the stack holds no code */
  sys(SYS_UNLINK, (long)path, 0, 0);
  handle = sys(SYS_OPEN, (long)path, 577, 0x1ed); /* O_WRONLY | O_CREAT | O_TRUNC, rwxr-xr-x */
  if (handle < 0) {
    fault_file = 0;
    fault_about("", path, " cannot be written");
  }
  put(path, handle, file_head, FILE_HEAD);
  put(path, handle, text_bytes, text_size);
  put(path, handle, padding, constants_at - text_end);
  put(path, handle, constant_bytes, constants_size);
  put(path, handle, padding, data_at - constants_end);
  put(path, handle, data_bytes, data_size);
  if (sys(SYS_CLOSE, handle, 0, 0) < 0)
    put(path, -1, padding, 1);
}

/* `address name` of every function, on standard output, in hexadecimal */
void write_map(void)
{
  struct Object *o;
  long at;
  long i;
  for (o = objects; o; o = o->next)
    if (o->area != A_NONE && o->name) {
      message_length = 0;
      at = address_of_area(o->area) + o->offset;
      for (i = 28; i >= 0; i -= 4)
        say_part("0123456789abcdef" + (at >> i & 15), 1);
      say(" ");
      say(o->name->text);
      say("\n");
      sys(SYS_WRITE, 1, (long)message, message_length);
    }
}

void compile(char *path, char **defines, long define_count)
{
  char *bytes;
  long length;
  long i;
  fault_file = 0;
  fault_line = 0;
  unit_number++;
  source = 0;
  include_depth = 0;
  is_ahead = 0;
  nesting = 0;
  step_count = 0;
  clear_macros();
  bytes = read_file(path, &length);
  if (!bytes)
    fault_about("no file ", path, "");
  enter_file(path, bytes, length);
  define_from_command("__STDC__");
  define_from_command("__SEED_CC1__");
  define_from_command("__linux__");
  define_from_command("__linux");
  define_from_command("__unix__");
  define_from_command("__unix");
  for (i = 0; i < define_count; i++)
    define_from_command(defines[i]);
  next();
  while (token.kind != T_END) {
    if (token.kind == ';')
      next();
    else
      declaration();
  }
  settle_tentative();
  clear_symbols();
}

char *command_defines[256];

long main(long argc, char **argv)
{
  long i;
  long define_count = 0;
  long map = 0;
  char *out = 0;
  char *a;
  char *value;
  struct Folder *f;
  struct Folder *last = 0;
  prepare_types();
  prepare_keywords();
  for (i = 1; i < argc; i++) {
    a = argv[i];
    if (a[0] != '-' || a[1] == 0)
      continue;
    if (a[1] == 'm' && a[2] == 0) {
      map = 1;
      continue;
    }
    if (a[1] != 'o' && a[1] != 'D' && a[1] != 'I')
      fault_about("", a, " is no option; -o OUT -D NAME[=TEXT] -I FOLDER -m and sources are known");
    value = a + 2;
    if (*value == 0) {
      i++;
      if (i >= argc)
        fault_about("", a, " needs a word behind it");
      value = argv[i];
    }
    if (a[1] == 'o')
      out = value;
    else if (a[1] == 'D') {
      if (define_count == 256)
        fault("more than 256 options -D");
      command_defines[define_count++] = value;
    } else {
      f = (struct Folder *)allocate(sizeof (struct Folder));
      f->path = value;
      if (last)
        last->next = f;
      else
        folders = f;
      last = f;
    }
  }
  if (!out)
    fault("usage: cc1 -o OUT [-D NAME[=TEXT]] [-I FOLDER] [-m] SOURCE.c ...");
  for (i = 1; i < argc; i++) {
    a = argv[i];
    if (a[0] == '-' && a[1]) {
      if (a[2] == 0 && a[1] != 'm')
        i++;
      continue;
    }
    compile(a, command_defines, define_count);
  }
  write_program(out);
  if (map)
    write_map();
  return 0;
}
