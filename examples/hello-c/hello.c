#include <stdio.h>

int main(void)
{
	printf("hello from gcc %s\n", __VERSION__);
	return 0;
}
