/* Says a message in the language of its caller: xgettext has to find it, and msgfmt to write what libintl reads. */
#include <libintl.h>
#include <locale.h>
#include <stdio.h>

#define _(message) gettext(message)

int main(void)
{
	setlocale(LC_ALL, "");
	bindtextdomain("greeting", "/tmp");
	textdomain("greeting");
	puts(_("Good morning"));
	return 0;
}
