/* What ./configure of tcc would have found out: a compiler and a C library for x86_64 that lie below /usr. */
#define ONE_SOURCE 1
#define TCC_TARGET_X86_64 1
#define TCC_VERSION "0.9.27"
#define CONFIG_TCC_STATIC 1
#define CONFIG_TCC_MUSL 1
#define CONFIG_TCCDIR "/usr/lib/tcc"
#define CONFIG_TCC_CRTPREFIX "/usr/lib"
#define CONFIG_TCC_LIBPATHS "/usr/lib:/usr/lib/tcc"
#define CONFIG_TCC_SYSINCLUDEPATHS "/usr/include:/usr/lib/tcc/include"
#define CONFIG_TCC_ELFINTERP "/lib/ld-musl-x86_64.so.1"
