#include "expression.hpp"

#include "../../sdk/src/base/zero_bytes.hpp"

#include <reagent/tools/function.hpp>
#include <reagent/tools/ready.hpp>

#include <charconv>

namespace reagent::ready {
namespace {

namespace mp = boost::multiprecision;

// The whole number that the value is, but for the noise of quotients and roots.
std::optional<decimal> whole(const expression_value& x) {
    if (!x.exact) return {};
    decimal nearest = mp::round(x.value);
    decimal noise = x.rounded ? mp::abs(nearest) * decimal{"1e-80"} : decimal{0};
    if (mp::abs(x.value - nearest) > noise) return {};
    return nearest;
}

json::value shown(const expression_value& x) {
    if (auto n = whole(x)) {
        std::string digits = n->str(0, std::ios_base::fixed);
        digits.resize(std::min(digits.size(), digits.find('.')));
        std::int64_t small = 0;
        auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), small);
        if (ec == std::errc{} && end == digits.data() + digits.size()) return small;
        return json::string(digits);
    }
    std::string digits = x.value.str(40, std::ios_base::scientific);
    double nearest = 0;
    if (auto ec = std::from_chars(digits.data(), digits.data() + digits.size(), nearest).ec;
        ec == std::errc::result_out_of_range)
        throw std::domain_error{mp::abs(x.value) > 1 ? "overflow: the result is larger than 1.8e308"
                                                     : "underflow: the result is not 0, but smaller than 1e-307"};
    // A number with a fraction that a double does not hold must not look like a whole one.
    if (x.exact && nearest != std::trunc(nearest)) return nearest;
    char text[32];
    auto [end, ec] = std::to_chars(text, text + sizeof text, nearest);
    return json::string("about " + std::string{text, end});
}

json::value calculate(std::string expression) {
    if (expression.size() > 1000) throw std::invalid_argument{"the expression is longer than 1000 characters"};
    try {
        return shown(evaluate(expression));
    } catch (const std::invalid_argument& e) {
        throw std::invalid_argument{"\"" + without_zero_bytes(std::move(expression)) + "\" cannot be calculated: " +
                                    e.what() + " Use numbers, + - * / ^ %, parentheses and functions such as sqrt(2)"};
    }
}

}  // namespace

tool calculator() {
    return detail::make_tool(
        "calculator", "Calculates an arithmetic expression and returns its value.", calculate,
        {{"expression",
          "numbers with + - * / ^ and parentheses, as in (2340 * 17 / 100) + 12; no thousands separators"}},
        {.read_only = true, .quick = true, .flow = flow_flags{}});
}

}  // namespace reagent::ready
