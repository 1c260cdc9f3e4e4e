# What was built in /rootfs compiles and runs C and C++ 2020: static, shared, with OpenMP, and with link-time optimisation
# through archives, which takes the linker's plugin and ar's.
set -eu
PATH=/rootfs/usr/bin:$PATH LD_LIBRARY_PATH=/rootfs/usr/lib
export PATH LD_LIBRARY_PATH
cd /tmp
gcc -O2 -o c /test.c -lm && ./c
gcc -O2 -static -o c /test.c -lm && ./c
g++ -O2 -std=c++20 -o cc /test.cc && ./cc
g++ -O2 -std=c++20 -static -o cc /test.cc && ./cc

printf 'int twice(int n) { return 2 * n; }\n' >twice.c
printf 'int twice(int); int main(void) { return twice(21) - 42; }\n' >main.c
gcc -O2 -flto -c twice.c main.c
gcc-ar rcs libtwice.a twice.o
gcc -O2 -flto -o lto main.o -L. -ltwice && ./lto
# The call is gone only if the plugin saw both files at once.
if nm lto | grep -w twice; then exit 1; fi

printf '#include <omp.h>\nint main(void) { int n = 0;\n#pragma omp parallel num_threads(3) reduction(+:n)\nn += 1;\nreturn n != 3; }\n' >omp.c
gcc -fopenmp -o omp omp.c && ./omp
