// C++ of 2020: concepts, ranges, comparisons by default, threads, exceptions.
#include <algorithm>
#include <compare>
#include <concepts>
#include <iostream>
#include <ranges>
#include <span>
#include <stdexcept>
#include <thread>
#include <vector>

template <std::integral T> constexpr T twice(T value) { return value * 2; }

struct Version {
	int major, minor;
	auto operator<=>(const Version &) const = default;
};

static int sum(std::span<const int> values)
{
	int total = 0;
	for (int value : values | std::views::filter([](int each) { return each > 1; })) total += twice(value);
	return total;
}

int main()
{
	static_assert(twice(4) == 8);
	std::vector<int> values{3, 1, 2};
	std::ranges::sort(values);
	int total = 0;
	std::jthread([&] { total = sum(values); }).join();
	try {
		throw std::logic_error("c++20");
	} catch (const std::exception &fault) {
		std::cout << fault.what() << ' ' << total << ' ' << __VERSION__ << std::endl;
	}
	return total == 10 && values.front() == 1 && Version{1, 2} < Version{1, 3} ? 0 : 1;
}
