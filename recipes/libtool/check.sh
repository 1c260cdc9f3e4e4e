#!/bin/sh
# autoconf, automake and libtool make a project of their own: a library, shared and static, and a program that loads it with libltdl.
set -eux
mkdir /tmp/tiny
cd /tmp/tiny
cat >configure.ac <<'EOF'
AC_INIT([tiny], [1])
AC_CONFIG_MACRO_DIRS([m4])
AM_INIT_AUTOMAKE([foreign])
AC_PROG_CC
LT_INIT
AC_CONFIG_FILES([Makefile])
AC_OUTPUT
EOF
cat >Makefile.am <<'EOF'
ACLOCAL_AMFLAGS = -I m4
lib_LTLIBRARIES = libtiny.la
libtiny_la_SOURCES = lib.c
libtiny_la_LDFLAGS = -version-info 3:0:1
bin_PROGRAMS = linked loaded
linked_SOURCES = linked.c
linked_LDADD = libtiny.la
loaded_SOURCES = loaded.c
loaded_LDADD = -lltdl
EOF
echo 'int tiny(void) { return 42; }' >lib.c
echo 'int tiny(void); int main(void) { return tiny() != 42; }' >linked.c
cat >loaded.c <<'EOF'
#include <ltdl.h>
int main(void) {
  if (lt_dlinit()) return 2;
  lt_dlhandle handle = lt_dlopenext("/tmp/root/usr/lib/libtiny");
  int (*tiny)(void) = handle ? (int (*)(void))lt_dlsym(handle, "tiny") : 0;
  return !tiny || tiny() != 42;
}
EOF
autoreconf -f -i -v
./configure --prefix=/usr
make
make install DESTDIR=/tmp/root
test -L /tmp/root/usr/lib/libtiny.so.2
test -f /tmp/root/usr/lib/libtiny.a
LD_LIBRARY_PATH=/tmp/root/usr/lib /tmp/root/usr/bin/linked
/tmp/root/usr/bin/loaded
gcc -static -o static loaded.c -lltdl
