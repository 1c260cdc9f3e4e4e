// C++ of 1998: templates, exceptions, streams, maps.
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

template <class T> T sum(const std::vector<T> &values)
{
	T total = T();
	for (typename std::vector<T>::const_iterator at = values.begin(); at != values.end(); ++at) total += *at;
	return total;
}

int main()
{
	std::map<std::string, int> words;
	words["one"] = 1;
	words["two"] = 2;
	std::vector<double> values(3, 1.5);
	std::ostringstream text;
	try {
		if (words["two"] == 2) throw std::runtime_error("thrown");
	} catch (const std::exception &error) {
		text << error.what() << ' ' << words.size() << ' ' << sum(values) << ' ' << std::hex << 255;
	}
	std::cout << text.str() << std::endl;
	return text.str() == "thrown 2 4.5 ff" ? 0 : 1;
}
