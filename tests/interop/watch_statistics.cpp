// Tests of two samples, for comparison with SciPy: a JSON object a line, {"test", "a", "b"}, in; {"statistic",
// "p_value"} out.
#include <reagent/watch/statistics.hpp>

#include <boost/json.hpp>

#include <iostream>

namespace json = boost::json;
using namespace reagent;

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        auto o = json::parse(line).as_object();
        const std::string test{o.at("test").as_string()};
        two_sample_result r;
        if (test == "chi_square") {
            auto a = json::value_to<std::vector<std::size_t>>(o.at("a")),
                 b = json::value_to<std::vector<std::size_t>>(o.at("b"));
            r = chi_square_test(a, b);
        } else {
            auto a = json::value_to<std::vector<double>>(o.at("a")), b = json::value_to<std::vector<double>>(o.at("b"));
            r = test == "rank" ? rank_test(a, b) : smirnov_test(a, b);
        }
        std::cout << json::object{{"statistic", r.statistic}, {"p_value", r.p_value}} << std::endl;
    }
}
