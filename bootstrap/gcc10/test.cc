// C++ of 2017: deduction, structured bindings, variants, threads, exceptions.
#include <iostream>
#include <map>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <variant>
#include <vector>

template <class... T> auto sum(T... values) { return (values + ... + 0); }

int main()
{
	std::map<std::string, int> words{{"one", 1}, {"two", 2}};
	std::optional<int> found;
	if (auto at = words.find("two"); at != words.end()) found = at->second;
	std::variant<int, std::string> held = std::string("held");
	int total = 0;
	for (auto &[word, number] : words) total += number + static_cast<int>(word.size());
	std::thread other([&] { total += sum(1, 2, 3); });
	other.join();
	try {
		std::get<int>(held);
	} catch (const std::bad_variant_access &) {
		total += *found;
	}
	std::cout << total << ' ' << __cplusplus << std::endl;
	return total == 17 && __cplusplus >= 201703 ? 0 : 1;
}
