#include "expression.hpp"

#include "../../sdk/src/base/text.hpp"

#include <boost/math/constants/constants.hpp>

#include <stdexcept>
#include <string>
#include <vector>

namespace reagent::ready {
namespace {

namespace mp = boost::multiprecision;

const decimal most_exact{"1e95"};  // below, sums and products of whole numbers are exact
const decimal nothing_but_noise{"1e-80"};

class evaluator {
public:
    explicit evaluator(std::string_view text) : text_{text} {}

    expression_value run() {
        if (text_.find('\0') != text_.npos) throw std::invalid_argument{"it holds a zero byte."};
        if (peek() == '\0') throw std::invalid_argument{"it is empty."};
        decimal value = choice();
        if (peek() == ',')
            throw std::invalid_argument{
                "the expression has a comma outside of a function; write numbers without separators, as 2340."};
        if (peek() != '\0') unexpected();
        return {value, exact_, rounded_};
    }

private:
    // Grammar, from what binds loosest: a ? b : c, the operators of `precedence`, signs, ^, %.
    decimal choice() {
        decimal condition = operation(1);
        if (!accept("?")) return condition;
        nesting deeper{*this};
        decimal yes = choice();
        if (!accept(":")) throw std::invalid_argument{"a \":\" is missing behind \"?\"."};
        decimal no = choice();
        return condition != 0 ? yes : no;
    }

    struct binary {
        std::string_view sign;
        int precedence;
    };
    const binary* next_operator() {
        static constexpr binary all[]{{"||", 1}, {"&&", 2}, {"<=", 3}, {">=", 3}, {"!=", 3}, {"==", 3},
                                      {"<", 3},  {">", 3},  {"+", 4},  {"-", 4},  {"*", 5},  {"/", 5}};
        peek();
        for (const auto& b : all)
            if (text_.substr(at_).starts_with(b.sign)) return &b;
        return nullptr;
    }
    decimal operation(int least) {
        decimal left = sign();
        for (const binary* b; (b = next_operator()) && b->precedence >= least;) {
            at_ += b->sign.size();
            left = applied(b->sign, left, operation(b->precedence + 1));
        }
        return left;
    }
    decimal applied(std::string_view sign, const decimal& a, const decimal& b) {
        if (sign == "+") return sum(a, b);
        if (sign == "-") return sum(a, -b);
        if (sign == "*") return product(a, b);
        if (sign == "/") return quotient(a, b);
        int order = sum(a, -b).sign();  // without noise: 1/3*3 == 1
        bool holds = sign == "||"   ? a != 0 || b != 0
                     : sign == "&&" ? a != 0 && b != 0
                     : sign == "<=" ? order <= 0
                     : sign == ">=" ? order >= 0
                     : sign == "!=" ? order != 0
                     : sign == "==" ? order == 0
                     : sign == "<"  ? order < 0
                                    : order > 0;
        return holds ? 1 : 0;
    }

    decimal sign() {
        nesting deeper{*this};
        if (accept("-")) return -sign();
        if (accept("+")) return sign();
        decimal base = percent();
        return accept("^") ? power(base, sign()) : base;
    }
    decimal percent() {
        decimal value = operand();
        while (accept("%")) value = product(value, decimal{"0.01"});
        return value;
    }
    decimal operand() {
        if (accept("(")) {
            decimal inner = choice();
            if (peek() == ',')
                throw std::invalid_argument{
                    "the expression has a comma outside of a function; write numbers without separators, as 2340."};
            if (!accept(")")) missing_end();
            return inner;
        }
        char c = peek();
        if (is_digit(c) || c == '.') return number();
        if (is_alpha(c) || c == '_') return named();
        if (c == '\0') throw std::invalid_argument{"it ends too early."};
        unexpected();
    }

    decimal number() {
        std::size_t from = at_, digits = 0, significant = 0;
        auto run = [&] {
            for (; is_digit(here()); ++at_, ++digits) significant += significant > 0 || here() != '0';
        };
        run();
        if (here() == '.') ++at_, run();
        if (digits == 0) unexpected();
        if (here() == 'e' || here() == 'E') {
            std::size_t back = at_++;
            if (here() == '+' || here() == '-') ++at_;
            if (!is_digit(here()))
                at_ = back;
            else if (std::size_t begin = at_; true) {
                while (is_digit(here())) ++at_;
                if (at_ - begin > 6) too_large();
            }
        }
        if (significant > 95) exact_ = false;
        return checked(decimal{std::string{text_.substr(from, at_ - from)}});
    }

    decimal named() {
        std::size_t from = at_;
        while (is_alpha(here()) || is_digit(here()) || here() == '_') ++at_;
        std::string name{text_.substr(from, at_ - from)};
        if (peek() == '(') return function(name);
        rounded_ = true;
        if (name == "_pi" || name == "pi") return boost::math::constants::pi<decimal>();
        if (name == "_e" || name == "e") return boost::math::constants::e<decimal>();
        throw std::invalid_argument{"\"" + name + "\" is no number and no function."};
    }
    decimal function(const std::string& name) {
        accept("(");
        std::vector<decimal> a;
        if (!accept(")")) {
            do a.push_back(choice());
            while (accept(","));
            if (!accept(")")) missing_end();
        }
        auto takes = [&](std::size_t n) {
            if (a.size() != n)
                throw std::invalid_argument{name + " takes " + std::to_string(n) +
                                            (n == 1 ? " number, not " : " numbers, not ") + std::to_string(a.size()) +
                                            "; write numbers without separators, as 2340."};
        };
        if (name == "min" || name == "max" || name == "sum" || name == "avg") return of_many(name, a);
        if (name == "mod" || name == "atan2") {
            takes(2);
            return name == "mod" ? modulo(a[0], a[1]) : inexact(mp::atan2(a[0], a[1]));
        }
        return of_one(name, a, takes);
    }
    decimal of_many(const std::string& name, const std::vector<decimal>& a) {
        if (a.empty()) throw std::invalid_argument{name + " takes at least one number."};
        decimal value = a[0];
        for (std::size_t i = 1; i < a.size(); ++i)
            value = name == "min" ? std::min(value, a[i]) : name == "max" ? std::max(value, a[i]) : sum(value, a[i]);
        return name == "avg" ? quotient(value, a.size()) : value;
    }
    template <class Takes>
    decimal of_one(const std::string& name, const std::vector<decimal>& a, const Takes& takes) {
        struct known {
            std::string_view name;
            decimal (*of)(const decimal&);
            bool exact = false;
        };
        static constexpr known all[]{
            {"abs", [](const decimal& x) -> decimal { return mp::abs(x); }, true},
            {"floor", [](const decimal& x) -> decimal { return mp::floor(x); }, true},
            {"ceil", [](const decimal& x) -> decimal { return mp::ceil(x); }, true},
            {"round", [](const decimal& x) -> decimal { return mp::round(x); }, true},
            {"rint", [](const decimal& x) -> decimal { return half_to_even(x); }, true},
            {"sign", [](const decimal& x) -> decimal { return x.sign(); }, true},
            {"sqrt", [](const decimal& x) -> decimal { return mp::sqrt(x); }},
            {"exp", [](const decimal& x) -> decimal { return mp::exp(x); }},
            {"ln", [](const decimal& x) -> decimal { return mp::log(x); }},
            {"log", [](const decimal& x) -> decimal { return mp::log(x); }},
            {"log2", [](const decimal& x) -> decimal { return mp::log(x) / mp::log(decimal{2}); }},
            {"log10", [](const decimal& x) -> decimal { return mp::log10(x); }},
            {"sin", [](const decimal& x) -> decimal { return mp::sin(x); }},
            {"cos", [](const decimal& x) -> decimal { return mp::cos(x); }},
            {"tan", [](const decimal& x) -> decimal { return mp::tan(x); }},
            {"asin", [](const decimal& x) -> decimal { return mp::asin(x); }},
            {"acos", [](const decimal& x) -> decimal { return mp::acos(x); }},
            {"atan", [](const decimal& x) -> decimal { return mp::atan(x); }},
            {"sinh", [](const decimal& x) -> decimal { return mp::sinh(x); }},
            {"cosh", [](const decimal& x) -> decimal { return mp::cosh(x); }},
            {"tanh", [](const decimal& x) -> decimal { return mp::tanh(x); }},
            {"asinh", [](const decimal& x) -> decimal { return mp::asinh(x); }},
            {"acosh", [](const decimal& x) -> decimal { return mp::acosh(x); }},
            {"atanh", [](const decimal& x) -> decimal { return mp::atanh(x); }}};
        for (const auto& f : all)
            if (f.name == name) {
                takes(1);
                bool root = name == "ln" || name == "log" || name == "log2" || name == "log10";
                if (root && a[0] <= 0) throw std::domain_error{name + " is defined for numbers above 0 only"};
                if (f.exact) return f.of(without_noise(a[0]));  // floor(3 * (1/3)) is 1
                bool periodic = name == "sin" || name == "cos" || name == "tan";
                if (mp::abs(a[0]) > (periodic ? decimal{"1e15"} : decimal{"1e100000"})) too_large();
                decimal result = inexact(f.of(a[0]));
                return periodic && mp::abs(result) < nothing_but_noise ? decimal{0} : result;  // sin(_pi)
            }
        throw std::invalid_argument{"there is no function \"" + name + "\"."};
    }

    static decimal half_to_even(const decimal& x) {
        decimal down = mp::floor(x), part = x - down;
        if (part != decimal{"0.5"}) return mp::round(x);
        return mp::fmod(down, decimal{2}) == 0 ? down : down + 1;
    }

    decimal sum(const decimal& a, const decimal& b) {
        decimal result = a + b;
        if (rounded_ && mp::abs(result) < mp::abs(a) * nothing_but_noise) return 0;
        return checked(result);
    }
    decimal product(const decimal& a, const decimal& b) { return checked(a * b); }
    decimal quotient(const decimal& a, const decimal& b) {
        if (b == 0) throw std::domain_error{"the result is infinite: it is a division by zero"};
        decimal result = a / b;
        rounded_ = rounded_ || result * b != a;
        return checked(result);
    }
    decimal modulo(const decimal& a, const decimal& b) {  // has the sign of `b`
        if (b == 0) throw std::domain_error{"mod by 0 is not defined: it is a division by zero"};
        decimal rest = mp::fmod(a, b);
        return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    }
    decimal power(const decimal& base, const decimal& exponent) {
        bool whole = exponent == mp::trunc(exponent);
        if (base == 0 && exponent < 0)
            throw std::domain_error{"the result is infinite: 0 to a power below 0 is a division by zero"};
        if (base == 0 || base == 1) return exponent == 0 ? decimal{1} : base;
        if (base < 0 && !whole)
            throw std::domain_error{"the result is not a number: a negative number has no power that is a fraction"};
        if (mp::abs(exponent) > 1'000'000) too_large();
        if (!whole || exponent < 0) rounded_ = true;
        if (!whole) return inexact(mp::pow(base, exponent));
        int times = static_cast<int>(mp::abs(exponent).convert_to<double>());
        decimal result = checked(mp::pow(base, times));
        return exponent < 0 ? quotient(1, result) : result;
    }

    decimal inexact(decimal result) {
        rounded_ = true;
        return checked(result);
    }
    decimal without_noise(const decimal& x) const {
        decimal whole = mp::round(x);
        return rounded_ && mp::abs(x - whole) <= mp::abs(whole) * nothing_but_noise ? whole : x;
    }
    decimal checked(decimal result) {
        if (mp::isnan(result)) throw std::domain_error{"the result is not a number"};
        if (mp::isinf(result)) too_large();
        if (mp::abs(result) >= most_exact) exact_ = false;
        return result;
    }
    [[noreturn]] static void too_large() {
        throw std::domain_error{"overflow: a number is too large to be calculated with"};
    }

    // One for each level of parentheses and signs: the stack is no user's to fill.
    struct nesting {
        explicit nesting(evaluator& e) : e_{e} {
            if (++e_.depth_ > 200) throw std::invalid_argument{"it is nested too deeply."};
        }
        ~nesting() { --e_.depth_; }
        evaluator& e_;
    };

    char here() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    char peek() {
        while (at_ < text_.size() && is_space(text_[at_])) ++at_;
        return here();
    }
    bool accept(std::string_view token) {
        peek();
        if (!text_.substr(at_).starts_with(token)) return false;
        at_ += token.size();
        return true;
    }
    [[noreturn]] void missing_end() {
        if (peek() == '\0') throw std::invalid_argument{"a \")\" is missing."};
        unexpected();
    }
    [[noreturn]] void unexpected() {
        throw std::invalid_argument{"\"" + reagent::cut(std::string{text_.substr(at_)}, 20) +
                                    "\" is unexpected at position " + std::to_string(at_ + 1) + "."};
    }

    std::string_view text_;
    std::size_t at_ = 0;
    int depth_ = 0;
    bool exact_ = true, rounded_ = false;
};

}  // namespace

expression_value evaluate(std::string_view expression) { return evaluator{expression}.run(); }

}  // namespace reagent::ready
