/* cc1, directives: #define, #include, and which directive is which. */

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

/* `include` (text | `<` … `>` | tokens that macros make either of) */
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
