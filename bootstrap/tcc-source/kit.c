/* kit: what a build needs before there is a C library, a shell or make. One freestanding program for x86_64 Linux; its
   commands are
     kit patch FILE...         apply unified diffs below the working directory: every line must be where the diff says
     kit types OUT IN...       what musl's tools/mkalltypes.sed does
     kit syscalls OUT IN       IN, and again with __NR_ as SYS_, as musl's Makefile makes bits/syscall.h
     kit list OUT DIR/ SKIP/...  the sources of musl below DIR/, as arguments for the compiler: OUT1; OUT2 has those whose
                               object would have the name of one in OUT1; OUTo has all objects, the latter's in 2/.
                               x86_64/F.s takes the place of F.c
     kit run FILE              one command a line, words apart by blanks; stops at the first that fails
     kit same A B              fails when two files differ
   Anything unexpected ends it with a message and status 1. */

typedef unsigned long ul;

long sys(long number, long a, long b, long c, long d);
__asm__(".text\n"
	".globl _start\n_start:\n\txor %ebp,%ebp\n\tmov %rsp,%rdi\n\tcall start\n"
	".globl sys\nsys:\n\tmov %rdi,%rax\n\tmov %rsi,%rdi\n\tmov %rdx,%rsi\n\tmov %rcx,%rdx\n\tmov %r8,%r10\n\tsyscall\n\tret\n");

enum { READ = 0, WRITE = 1, OPEN = 2, CLOSE = 3, FORK = 57, EXECVE = 59, EXIT = 60, WAIT4 = 61, CHDIR = 80, GETDENTS = 217 };

static ul length(const char *s) { ul n = 0; while (s[n]) n++; return n; }
static void say(const char *s) { sys(WRITE, 2, (long)s, length(s), 0); }
static void die(const char *what, const char *which)
{
	say("kit: "); say(what); say(" "); say(which); say("\n");
	sys(EXIT, 1, 0, 0, 0);
}
static int compare(const char *a, const char *b)
{
	while (*a && *a == *b) a++, b++;
	return (unsigned char)*a - (unsigned char)*b;
}
static int starts(const char *s, const char *with)
{
	while (*with) if (*s++ != *with++) return 0;
	return 1;
}

/* Memory is taken and never given back. */
static char heap[64 << 20];
static ul used;
static char *take(ul size)
{
	char *p = heap + used;
	used += (size + 15) & ~15ul;
	if (used > sizeof heap) die("out of", "memory");
	return p;
}
static char *join(const char *a, const char *b, const char *c)
{
	char *p = take(length(a) + length(b) + length(c) + 1), *q = p;
	while (*a) *q++ = *a++;
	while (*b) *q++ = *b++;
	while (*c) *q++ = *c++;
	*q = 0;
	return p;
}

/* A whole file, with a zero behind it. */
static char *load(const char *path, ul *size)
{
	long fd = sys(OPEN, (long)path, 0, 0, 0), got;
	char *text = heap + used;
	ul n = 0;
	if (fd < 0) die("cannot open", path);
	while ((got = sys(READ, fd, (long)text + n, sizeof heap - used - n, 0)) > 0) n += got;
	if (got < 0 || used + n >= sizeof heap) die("cannot read", path);
	sys(CLOSE, fd, 0, 0, 0);
	take(n + 1)[n] = 0;
	if (size) *size = n;
	return text;
}

/* What is being written. */
static char out[16 << 20];
static ul outs;
static void put(const char *s, ul n)
{
	if (outs + n > sizeof out) die("too long:", "output");
	while (n--) out[outs++] = *s++;
}
static void puts0(const char *s) { put(s, length(s)); }
static void save(const char *path)
{
	long fd = sys(OPEN, (long)path, 01 | 0100 | 01000, 0644, 0), done;
	ul n = 0;
	if (fd < 0) die("cannot write", path);
	for (; n < outs; n += done) if ((done = sys(WRITE, fd, (long)out + n, outs - n, 0)) <= 0) die("cannot write", path);
	sys(CLOSE, fd, 0, 0, 0);
	outs = 0;
}

static ul line(const char *s) { ul n = 0; while (s[n] && s[n] != '\n') n++; return s[n] ? n + 1 : n; }
static int same_line(const char *a, const char *b)
{
	ul n = line(a);
	if (n != line(b)) return 0;
	while (n--) if (*a++ != *b++) return 0;
	return 1;
}
static ul number(const char **s)
{
	ul n = 0;
	while (**s >= '0' && **s <= '9') n = n * 10 + *(*s)++ - '0';
	return n;
}

/* The name behind "+++ " without its first folder. */
static char *diff_name(const char *s)
{
	const char *e;
	char *name;
	ul n = 0;
	while (*s != '/' && *s != '\n') s++;
	s++;
	for (e = s; *e != '\n' && *e != '\t'; e++);
	name = take(e - s + 1);
	while (s < e) name[n++] = *s++;
	name[n] = 0;
	return name;
}

static void patch(const char *path)
{
	const char *p = load(path, 0);
	while (*p) {
		char *name;
		const char *text;
		ul at = 1;
		if (!starts(p, "--- ") || !starts(p + line(p), "+++ ")) { p += line(p); continue; }
		p += line(p);
		name = diff_name(p);
		text = load(name, 0);
		for (p += line(p); starts(p, "@@ -");) {
			ul from, left = 1, right = 1;
			p += 4;
			from = number(&p);
			if (*p == ',') p++, left = number(&p);
			while (*p != '+') p++;
			p++, number(&p);
			if (*p == ',') p++, right = number(&p);
			p += line(p);
			for (; at < from; at++) { put(text, line(text)); text += line(text); }
			while (left || right) {
				if (*p == '+') { put(p + 1, line(p) - 1); right--; }
				else {
					if ((*p != ' ' && *p != '-') || !same_line(text, p + 1)) die("does not fit:", name);
					if (*p == ' ') { put(text, line(text)); right--; }
					text += line(text), at++, left--;
				}
				p += line(p);
			}
		}
		puts0(text);
		save(name);
	}
}

/* "KIND type name;" to what defines it once, where it was asked for. */
static void define(const char *kind, const char *tag, const char *name, ul names, const char *rest, ul rests)
{
	const char *words[3];
	int i;
	words[0] = "#if defined(__NEED_", words[1] = ") && !defined(__DEFINED_", words[2] = ")\n";
	for (i = 0; i < 3; i++) { puts0(words[i]); if (i < 2) { puts0(tag); put(name, names); } }
	puts0(kind);
	if (*tag) { put(name, names); puts0(" "); put(rest, rests); }
	else { put(rest, rests); puts0(" "); put(name, names); }
	puts0(";\n#define __DEFINED_"); puts0(tag); put(name, names); puts0("\n#endif\n\n");
}

static void types(const char *path)
{
	const char *p = load(path, 0);
	for (; *p; p += line(p)) {
		const char *e = p + line(p) - 2, *s;
		if (starts(p, "TYPEDEF ")) {
			for (s = e; s[-1] != ' '; s--);
			define("typedef ", "", s, e - s, p + 8, s - 1 - (p + 8));
		} else if (starts(p, "STRUCT ") || starts(p, "UNION ")) {
			int isstruct = *p == 'S';
			const char *n = p + (isstruct ? 7 : 6);
			for (s = n; *s != ' '; s++);
			define(isstruct ? "struct " : "union ", isstruct ? "struct_" : "union_", n, s - n, s + 1, e - s - 1);
		} else put(p, line(p));
	}
}

static void syscalls(const char *path)
{
	const char *text = load(path, 0), *p;
	puts0(text);
	for (p = text; *p; p += line(p)) {
		const char *q = p, *e = p + line(p);
		if (!starts(p, "#define __NR_")) continue;
		puts0("#define SYS_");
		put(q + 13, e - q - 13);
	}
}

/* Names in a folder, sorted; those that end in a slash are folders. */
static char **names(const char *path, ul *count)
{
	static char buffer[1 << 16];
	char **list = (char **)take(4096 * sizeof(char *));
	long fd = sys(OPEN, (long)path, 0200000, 0, 0), got, at;
	ul n = 0, i;
	*count = 0;
	if (fd < 0) return list;
	while ((got = sys(GETDENTS, fd, (long)buffer, sizeof buffer, 0)) > 0)
		for (at = 0; at < got; at += *(unsigned short *)(buffer + at + 16)) {
			char *name = buffer + at + 19;
			if (*name == '.') continue;
			if (n == 4096) die("too many files in", path);
			name = join(name, buffer[at + 18] == 4 ? "/" : "", "");
			for (i = n++; i && compare(list[i - 1], name) > 0; i--) list[i] = list[i - 1];
			list[i] = name;
		}
	sys(CLOSE, fd, 0, 0, 0);
	*count = n;
	return list;
}

static char *lists[3];
static ul sizes[3];
static char *objects[4096];
static ul objectn;
static ul stem(const char *name) { ul n = length(name); while (n && name[n - 1] != '.') n--; return n ? n - 1 : 0; }

static void append(int which, const char *text)
{
	while (*text) lists[which][sizes[which]++] = *text++;
}

static void note(const char *folder, const char *name)
{
	char *object = join(name, "", "");
	ul i, which = 0;
	object[stem(name)] = 0;
	for (i = 0; i < objectn; i++) if (!compare(objects[i], object)) which = 1;
	if (!which) objects[objectn++] = object;
	append(which, join(folder, name, "\n"));
	append(2, join(which ? "2/" : "", object, ".o\n"));
}

static int is_source(const char *name)
{
	ul n = stem(name);
	return n && (name[n + 1] == 'c' || name[n + 1] == 's' || name[n + 1] == 'S') && !name[n + 2];
}

static int same_stem(const char *a, const char *b)
{
	ul n = stem(a);
	if (n != stem(b)) return 0;
	while (n--) if (*a++ != *b++) return 0;
	return 1;
}

static void list_folder(const char *root, const char *folder, char **skip)
{
	char *here = join(root, folder, ""), *arch = join(here, "x86_64/", "");
	ul n, archn, i, j;
	char **all = names(here, &n), **special, **s;
	for (s = skip; *s; s++) if (!compare(*s, folder)) return;
	special = names(arch, &archn);
	for (s = skip; *s; s++) if (!compare(*s, join(folder, "x86_64/", ""))) archn = 0;
	for (i = 0; i < n; i++) {
		if (!is_source(all[i]) || all[i][length(all[i]) - 1] != 'c') continue;
		for (j = 0; j < archn && !same_stem(all[i], special[j]); j++);
		if (j == archn) note(here, all[i]);
	}
	for (j = 0; j < archn; j++) if (is_source(special[j])) note(arch, special[j]);
}

static void list(const char *target, const char *root, char **skip)
{
	ul n, i, which;
	char **folders = names(root, &n);
	if (!n) die("nothing in", root);
	for (which = 0; which < 3; which++) lists[which] = take(1 << 18);
	for (i = 0; i < n; i++) if (folders[i][length(folders[i]) - 1] == '/') list_folder(root, folders[i], skip);
	list_folder(root, "malloc/mallocng/", skip);
	for (which = 0; which < 3; which++) {
		put(lists[which], sizes[which]);
		save(join(target, which == 2 ? "o" : which ? "2" : "1", ""));
	}
}

static void run(const char *path)
{
	char *p = load(path, 0), *none[1];
	none[0] = 0;
	while (*p) {
		char *words[256], *next = p + line(p);
		long pid, status = 0;
		ul n = 0;
		sys(WRITE, 2, (long)p, next - p, 0);
		for (; p < next && *p != '\n' && *p != '#';) {
			if (*p == ' ' || *p == '\t') { *p++ = 0; continue; }
			if (n == 255) die("too many words in", path);
			for (words[n++] = p; p < next && *p != ' ' && *p != '\t' && *p != '\n'; p++);
		}
		if (p < next) *p = 0;
		p = next;
		if (!n) continue;
		words[n] = 0;
		if (!compare(words[0], "cd")) {
			if (sys(CHDIR, (long)words[1], 0, 0, 0)) die("cannot enter", words[1]);
			continue;
		}
		pid = sys(FORK, 0, 0, 0, 0);
		if (!pid) {
			sys(EXECVE, (long)words[0], (long)words, (long)none, 0);
			die("cannot start", words[0]);
		}
		if (pid < 0 || sys(WAIT4, pid, (long)&status, 0, 0) != pid || (int)status) die("failed:", words[0]);
	}
}

static void same(const char *a, const char *b)
{
	ul n, m;
	char *one = load(a, &n), *other = load(b, &m);
	if (n != m) die("not of one size:", b);
	while (n--) if (*one++ != *other++) die("not the same:", b);
}

void start(long *stack)
{
	char **words = (char **)(stack + 1);
	int n = stack[0], i;
	const char *what = n > 1 ? words[1] : "";
	if (!compare(what, "patch")) for (i = 2; i < n; i++) patch(words[i]);
	else if (!compare(what, "types") && n > 2) { for (i = 3; i < n; i++) types(words[i]); save(words[2]); }
	else if (!compare(what, "syscalls") && n == 4) { syscalls(words[3]); save(words[2]); }
	else if (!compare(what, "list") && n > 3) list(words[2], words[3], words + 4);
	else if (!compare(what, "run") && n == 3) run(words[2]);
	else if (!compare(what, "same") && n == 4) same(words[2], words[3]);
	else die("unknown command", what);
	sys(EXIT, 0, 0, 0, 0);
}
