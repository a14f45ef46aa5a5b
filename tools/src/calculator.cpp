#include <reagent/tools/function.hpp>
#include <reagent/tools/ready.hpp>

#include <muParser.h>

#include <cmath>

namespace reagent::ready {
namespace {

json::value calculate(std::string expression) {
    if (expression.size() > 1000) throw std::invalid_argument{"the expression is longer than 1000 characters"};
    double value;
    try {
        mu::Parser parser;
        parser.DefinePostfixOprt("%", [](mu::value_type percent) { return percent / 100; });
        parser.DefineFun("floor", [](mu::value_type x) { return std::floor(x); });
        parser.DefineFun("ceil", [](mu::value_type x) { return std::ceil(x); });
        parser.DefineFun("round", [](mu::value_type x) { return std::round(x); });
        parser.DefineFun("mod", [](mu::value_type x, mu::value_type y) { return x - y * std::floor(x / y); });
        parser.SetExpr(expression);
        value = parser.Eval();
        if (parser.GetNumResults() > 1)
            throw std::invalid_argument{"the expression has a comma outside of a function; write numbers without separators, as 2340"};
    } catch (const mu::Parser::exception_type& e) {
        throw std::invalid_argument{"\"" + expression + "\" cannot be calculated: " + e.GetMsg() +
                                    " Use numbers, + - * / ^ %, parentheses and functions such as sqrt(2)"};
    }
    if (!std::isfinite(value))
        throw std::domain_error{std::isnan(value) ? "the result is not a number" : "the result is infinite; is there a division by zero?"};
    // Noise of binary fractions (0.1 + 0.2) is no result.
    double shown = value;
    if (value != 0) {
        double scale = std::pow(10, 14 - std::floor(std::log10(std::abs(value))));
        double rounded = std::round(value * scale) / scale;
        if (std::isfinite(rounded)) shown = rounded;
    }
    if (shown == std::trunc(shown) && std::abs(shown) < 1e15) return static_cast<std::int64_t>(shown);
    return shown;
}

}  // namespace

tool calculator() {
    return detail::make_tool(
        "calculator", "Calculates an arithmetic expression and returns its value.", calculate,
        {{"expression", "numbers with + - * / ^ and parentheses, as in (2340 * 17 / 100) + 12; no thousands separators"}},
        {.read_only = true, .quick = true, .flow = flow_flags{}});
}

}  // namespace reagent::ready
