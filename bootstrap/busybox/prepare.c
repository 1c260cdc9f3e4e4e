/* prepare: what busybox's configuration and scripts/gen_build_files.sh make, without a shell, make or kconfig. Run in the
   source tree: prepare CONFIG FLAGS.  CONFIG has a symbol a line: NAME (yes), NAME=number, NAME="text"; every other
   symbol the tree knows is off, 0 or "".  It writes
     include/autoconf.h          four macros for every symbol
     include/applets.h           include/applets.src.h with the //applet: lines of all sources at INSERT
     include/usage_compressed.h  nothing: usage texts are off
     include/common_bufsiz.h     a buffer of its own, not what the linker has left over
     build.sources               FLAGS, then every file that Kbuild.src and the //kbuild: lines select
     build.objects               their objects
   A symbol of CONFIG that the tree does not know is an error. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct symbol { char *name, *value; char type; int known; };
static struct symbol symbols[4096];
static int symbol_count;
static char *sources[4096];
static int source_count;
static char *chosen[1024];
static int chosen_count;

static void die(const char *what, const char *which)
{
	fprintf(stderr, "prepare: %s %s\n", what, which);
	exit(1);
}

static FILE *open_or_die(const char *path, const char *mode)
{
	FILE *file = fopen(path, mode);
	if (!file) die("cannot open", path);
	return file;
}

static struct symbol *symbol(const char *name, size_t length)
{
	int i;
	for (i = 0; i < symbol_count; i++)
		if (strlen(symbols[i].name) == length && !memcmp(symbols[i].name, name, length)) return &symbols[i];
	symbols[i].name = strndup(name, length);
	symbols[i].type = 'b';
	return &symbols[symbol_count++];
}

static void read_config(const char *path)
{
	static char line[1024];
	FILE *file = open_or_die(path, "r");
	while (fgets(line, sizeof line, file)) {
		char *value;
		line[strcspn(line, "\n")] = 0;
		if (!*line || *line == '#') continue;
		value = strchr(line, '=');
		symbol(line, strcspn(line, "="))->value = strdup(value ? value + 1 : "y");
	}
	fclose(file);
}

/* A line of a Config file, its mark taken off: "config NAME", and in a line after it the type. */
static void read_symbol(const char *line)
{
	static struct symbol *last;
	if (!strncmp(line, "config ", 7)) {
		line += 7 + strspn(line + 7, " \t");
		last = symbol(line, strcspn(line, " \t\n"));
		last->known = 1;
		return;
	}
	line += strspn(line, " \t");
	if (!last) return;
	if (!strncmp(line, "int ", 4) || !strncmp(line, "hex ", 4) || !strcmp(line, "int\n")) last->type = 'i';
	else if (!strncmp(line, "string ", 7) || !strcmp(line, "string\n")) last->type = 's';
}

static int is_named(const char *path, const char *end)
{
	size_t n = strlen(path), m = strlen(end);
	return n > m && !strcmp(path + n - m, end);
}

static void read_symbols(const char *path, const char *mark)
{
	static char line[4096];
	FILE *file = open_or_die(path, "r");
	while (fgets(line, sizeof line, file))
		if (!strncmp(line, mark, strlen(mark))) read_symbol(line + strlen(mark));
	fclose(file);
}

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Files below a folder: sources two levels deep are kept, symbols are read from everywhere. */
static void walk(const char *folder, int depth)
{
	char *names[1024], path[1024];
	int n = 0, i;
	struct dirent *entry;
	DIR *dir = opendir(folder);
	if (!dir) die("cannot open", folder);
	while ((entry = readdir(dir))) if (entry->d_name[0] != '.') names[n++] = strdup(entry->d_name);
	closedir(dir);
	qsort(names, n, sizeof *names, by_name);
	for (i = 0; i < n; i++) {
		DIR *inner;
		snprintf(path, sizeof path, "%s%s%s", depth ? folder : "", depth ? "/" : "", names[i]);
		if ((inner = opendir(path))) {
			closedir(inner);
			if (depth < 2) walk(path, depth + 1);
		} else if (depth && is_named(path, ".c")) {
			sources[source_count++] = strdup(path);
			read_symbols(path, "//config:");
		} else if (!strcmp(names[i], "Config.in") || !strcmp(names[i], "Config.src")) read_symbols(path, "");
	}
}

static int is_on(const char *name, size_t length)
{
	struct symbol *found = symbol(name, length);
	return found->value && strcmp(found->value, "n");
}

static void choose(const char *folder, const char *object, size_t length)
{
	char path[1024];
	int i;
	if (!length || !strncmp(object, "$(COMMON_FILES)", length)) return;
	if (length < 3 || object[length - 2] != '.' || object[length - 1] != 'o') die("no object:", object);
	snprintf(path, sizeof path, "%s/%.*s.c", folder, (int)length - 2, object);
	for (i = 0; i < chosen_count; i++) if (!strcmp(chosen[i], path)) return;
	for (i = 0; i < source_count && strcmp(sources[i], path); i++);
	if (i == source_count) die("no source", path);
	for (i = 0; i < chosen_count; i++)
		if (!strcmp(strrchr(chosen[i], '/'), strrchr(path, '/'))) die("two sources have one name:", path);
	chosen[chosen_count++] = strdup(path);
}

/* "lib-y += a.o b.o", "obj-$(CONFIG_X) += a.o"; COMMON_FILES is the one variable, and its files are always chosen. */
static void read_rule(const char *folder, const char *line)
{
	const char *p = line += strspn(line, " ");
	if (!strncmp(p, "COMMON_FILES:=", 14)) p = "y", line += 13;
	else if (strncmp(p, "lib-", 4) && strncmp(p, "obj-", 4)) return;
	else line = strchr(p, '='), p += 4;
	if (!strncmp(p, "$(CONFIG_", 9)) {
		if (!is_on(p + 9, strcspn(p + 9, ")"))) return;
	} else if (*p != 'y') return;
	if (!line) return;
	for (p = line + 1; *p && *p != '#' && *p != '\n'; p += strcspn(p, " \t\n")) {
		p += strspn(p, " \t\n");
		choose(folder, p, strcspn(p, " \t\n"));
	}
}

static void read_rules(const char *folder)
{
	static char line[4096];
	char path[1024];
	int i;
	FILE *file;
	snprintf(path, sizeof path, "%s/Kbuild.src", folder);
	if (!(file = fopen(path, "r"))) return;
	while (fgets(line, sizeof line, file)) {
		char *end;
		while ((end = strstr(line, "\\\n")) && fgets(end, sizeof line - (end - line), file));
		read_rule(folder, line);
	}
	fclose(file);
	for (i = 0; i < source_count; i++) {
		size_t n = strlen(folder);
		if (strncmp(sources[i], folder, n) || sources[i][n] != '/' || strchr(sources[i] + n + 1, '/')) continue;
		file = open_or_die(sources[i], "r");
		while (fgets(line, sizeof line, file)) if (!strncmp(line, "//kbuild:", 9)) read_rule(folder, line + 9);
		fclose(file);
	}
}

static void write_autoconf(void)
{
	FILE *file = open_or_die("include/autoconf.h", "w");
	int i;
	fprintf(file, "#define AUTOCONF_TIMESTAMP \"\"\n");
	for (i = 0; i < symbol_count; i++) {
		const char *name = symbols[i].name, *value = symbols[i].value;
		int on = symbols[i].type != 'b' || value != 0;
		if (!symbols[i].known) die("unknown symbol", name);
		if (on) {
			if (!value) value = symbols[i].type == 'i' ? "0" : "\"\"";
			if (symbols[i].type == 'b') value = "1";
			fprintf(file, "#define CONFIG_%s %s\n", name, value);
		}
		fprintf(file, "#define ENABLE_%s %d\n", name, on);
		fprintf(file, on ? "#define IF_%s(...) __VA_ARGS__\n" : "#define IF_%s(...)\n", name);
		fprintf(file, on ? "#define IF_NOT_%s(...)\n" : "#define IF_NOT_%s(...) __VA_ARGS__\n", name);
	}
	fclose(file);
}

static void write_applets(void)
{
	static char line[4096];
	FILE *from = open_or_die("include/applets.src.h", "r"), *to = open_or_die("include/applets.h", "w"), *source;
	int i;
	while (fgets(line, sizeof line, from)) {
		if (strcmp(line, "INSERT\n")) { fputs(line, to); continue; }
		for (i = 0; i < source_count; i++) {
			source = open_or_die(sources[i], "r");
			while (fgets(line, sizeof line, source)) if (!strncmp(line, "//applet:", 9)) fputs(line + 9, to);
			fclose(source);
		}
	}
	fclose(from);
	fclose(to);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = open_or_die(path, "w");
	fputs(text, file);
	fclose(file);
}

int main(int argc, char **argv)
{
	static const char *folders[] = {
		"applets", "archival", "archival/libarchive", "console-tools", "coreutils", "coreutils/libcoreutils",
		"debianutils", "e2fsprogs", "editors", "findutils", "init", "klibc-utils", "libbb", "libpwdgrp", "loginutils",
		"mailutils", "miscutils", "modutils", "networking", "networking/libiproute", "networking/udhcp", "printutils",
		"procps", "runit", "selinux", "shell", "sysklogd", "util-linux", "util-linux/volume_id", 0 };
	FILE *list, *objects;
	int i;
	if (argc != 3) die("usage:", "prepare CONFIG FLAGS");
	read_config(argv[1]);
	walk(".", 0);
	write_autoconf();
	write_applets();
	write_text("include/usage_compressed.h",
		"#define UNPACKED_USAGE \"\"\n#define UNPACKED_USAGE_LENGTH 0\n#define PACKED_USAGE 0\n");
	write_text("include/common_bufsiz.h",
		"enum { COMMON_BUFSIZE = 1024 };\nextern char bb_common_bufsiz1[];\n#define setup_common_bufsiz() ((void)0)\n");
	for (i = 0; folders[i]; i++) read_rules(folders[i]);
	list = open_or_die("build.sources", "w");
	objects = open_or_die("build.objects", "w");
	fprintf(list, "%s\n", argv[2]);
	for (i = 0; i < chosen_count; i++) {
		const char *base = strrchr(chosen[i], '/') + 1;
		fprintf(list, "%s\n", chosen[i]);
		fprintf(objects, "%.*s.o\n", (int)strlen(base) - 2, base);
	}
	fclose(list);
	fclose(objects);
	return 0;
}
