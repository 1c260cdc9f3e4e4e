// Wants all four libraries: an exception, a parallel sum, and an atomic of sixteen bytes.
#include <atomic>
#include <iostream>
#include <stdexcept>

struct pair {
  long sum, count;
};

int main() {
  std::atomic<pair> last{{0, 0}};
  long sum = 0;
#pragma omp parallel for reduction(+ : sum) num_threads(2)
  for (int i = 0; i < 100; i++) sum += i;
  last = pair{sum, 100};
  try {
    if (last.load().count == 100) throw std::runtime_error(std::to_string(last.load().sum));
  } catch (const std::exception &error) {
    std::cout << "caught: " << error.what() << '\n';
  }
}
