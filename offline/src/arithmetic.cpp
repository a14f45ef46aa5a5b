#include "arithmetic.hpp"

#include "../../sdk/src/base/text.hpp"

namespace reagent::offline {
namespace {

struct no_expression {};

class expression_reader : private cursor {
public:
    explicit expression_reader(std::vector<word> words) { w_ = std::move(words); }

    arithmetic run() {
        std::string& e = result_.expression = command();
        for (;;) {  // "..., then divide by 4"
            std::size_t start = i_;
            accept(", and then|, and|, then|,|and then|and|then");
            if (accept("add"))
                e = made(e, " + ", product());
            else if (accept("subtract"))
                e = made(e, " - ", product());
            else if (accept("multiply by|multiply it by|multiply the result by"))
                e = made(e, " * ", power());
            else if (accept("divide by|divide it by|divide the result by"))
                e = made(e, " / ", power());
            else if (i_ = start; end())
                return std::move(result_);
            else
                throw no_expression{};
        }
    }

private:
    void expect(std::string_view alternatives) {
        if (!accept(alternatives)) throw no_expression{};
    }
    std::string made(const std::string& a, const std::string& sign, const std::string& b) {
        return operated("(" + a + sign + b + ")");
    }
    std::string operated(std::string text) {
        ++result_.operators;
        return text;
    }

    // "add 5 to 7", "increase 200 by 10%": verbs first.
    std::string command() {
        struct verb {
            std::string_view words, between, sign;
            bool turned = false;
        };
        for (const auto& v : {verb{"add", "to", " + "},
                              {"subtract", "from", " - ", true},
                              {"multiply", "by", " * "},
                              {"divide", "by", " / "}})
            if (accept(v.words)) {
                stop_ = v.words == "add" ? "to" : "";
                std::string a = sum();
                expect(v.sign == " + " || v.sign == " * " ? std::string{v.between} + "|and" : std::string{v.between});
                std::string b = sum();
                return v.turned ? made(b, std::string{v.sign}, a) : made(a, std::string{v.sign}, b);
            }
        bool more = accept("increase|raise");
        if (!more && !accept("decrease|reduce")) return sum();
        stop_ = "by";
        std::string a = sum();
        expect("by");
        return changed(a, more ? " + " : " - ");
    }

    // `a` more or less a part of itself: "by 10%" or "by 10".
    std::string changed(const std::string& a, const std::string& sign) {
        std::string by = atom();
        return made(a, sign, accept("%|percent") ? a + " * " + by + " / 100" : by);
    }

    std::string sum() {
        std::string left = product();
        for (;;)
            if (accept("plus|+|added to"))
                left = made(left, " + ", product());
            else if (accept("minus|-|less"))
                left = made(left, " - ", product());
            else if (accept("increased by|grown by"))
                left = changed(left, " + ");
            else if (accept("decreased by|reduced by"))
                left = changed(left, " - ");
            else
                return left;
    }

    std::string product() {
        std::string left = power();
        for (;;)
            if (accept("times|x|multiplied by") || (!at("* *") && accept("*")))
                left = made(left, " * ", power());
            else if (accept("divided by|/|over"))
                left = made(left, " / ", power());
            else if (accept("modulo|mod"))
                left = operated("mod(" + left + ", " + power() + ")");
            else
                return left;
    }

    std::string power() {
        std::string left = factor();
        for (;;)
            if (accept("squared"))
                left = made(left, "^", "2");
            else if (accept("cubed"))
                left = made(left, "^", "3");
            else if (accept("^|* *|to the power of|raised to the power of"))
                left = made(left, "^", factor());
            else
                return left;
    }

    std::vector<std::string> list(std::size_t least, std::size_t most) {
        std::vector<std::string> items{sum()};
        while (accept(", and|,|and")) items.push_back(sum());
        if (items.size() < least || items.size() > most) throw no_expression{};
        return items;
    }
    static std::string folded(const std::vector<std::string>& items, const std::string& op) {
        std::string s = items[0];
        for (std::size_t k = 1; k < items.size(); ++k) s += op + items[k];
        return "(" + s + ")";
    }

    std::string factor() {
        std::size_t start = i_;
        accept("the");
        constexpr std::string_view fractions[][2]{{"half of|half", "0.5"},
                                                  {"twice|double", "2"},
                                                  {"triple", "3"},
                                                  {"a third of|one third of", "(1/3)"},
                                                  {"two thirds of", "(2/3)"},
                                                  {"a quarter of|one quarter of", "0.25"},
                                                  {"three quarters of", "0.75"},
                                                  {"a tenth of", "0.1"},
                                                  {"a fifth of", "0.2"}};
        for (const auto& [words, value] : fractions)
            if (accept(words)) return made(std::string{value}, " * ", power());
        if (accept("square root of")) return operated("sqrt(" + power() + ")");
        if (accept("cube root of")) return made(power(), "^", "(1/3)");
        if (accept("absolute value of")) return operated("abs(" + power() + ")");
        if (accept("square of")) return made(power(), "^", "2");
        std::size_t word_at = i_;
        if (accept("sum of|total of|product of|average of|mean of")) {  // of numbers; "the total of orders" is to be
                                                                        // looked up
            std::string what = w_[word_at].lower;
            if (at("(|-") || (!end() && is_number(w_[i_]))) {
                auto items = list(2, 100);
                if (what == "product") return operated(folded(items, " * "));
                if (what == "sum" || what == "total") return operated(folded(items, " + "));
                return made(folded(items, " + "), " / ", std::to_string(items.size()));
            }
            i_ = word_at;
        }
        if (accept("difference between")) {
            auto items = list(2, 2);
            return operated("abs(" + items[0] + " - " + items[1] + ")");
        }
        if (accept("ratio of")) {
            std::string a = sum();
            expect("to|and");
            return made(a, " / ", sum());
        }
        i_ = start;
        return with_percent();
    }

    std::string with_percent() {
        std::string a = atom();
        if (!accept("%|percent|per cent")) {
            if (at("!")) throw no_expression{};
            return a;
        }
        if (accept("of|discount on")) return operated("(" + a + " / 100 * " + power() + ")");
        if (accept("more than")) return operated("((1 + " + a + " / 100) * " + power() + ")");
        if (accept("less than|off")) return operated("((1 - " + a + " / 100) * " + power() + ")");
        return operated("(" + a + " / 100)");
    }

    std::string atom() {
        if (accept("(")) {
            std::string inner = sum();
            expect(")");
            return "(" + inner + ")";
        }
        if (accept("-|negative")) return "(-" + atom() + ")";
        if (at("$|\u20ac|\u00a3") && i_ + 1 < w_.size() && is_number(w_[i_ + 1])) ++i_;
        if (end() || !is_number(w_[i_])) return unknown();
        std::string n = number_of(w_[i_++]);
        while (at("hundred|thousand|million|dozen")) n = "(" + n + " * " + number_of(w_[i_++]) + ")";
        accept("dollars|euros|kroner|usd|eur|nok");
        return n;
    }

    // Words up to the next operator: something to look up.
    std::string unknown() {
        std::size_t begin = i_;
        bool pair = false;
        for (std::size_t k = 0; k < i_; ++k) pair = pair || w_[k].lower == "difference" || w_[k].lower == "ratio";
        for (; !end(); ++i_)
            if ((!stop_.empty() && w_[i_].lower == stop_) || (pair && at("and the")) ||
                at("plus|minus|times|divided|multiplied|increased|decreased|reduced|squared|cubed|+|-|*|/"
                   "|^|(|)|%|percent"))
                break;
        if (i_ == begin) throw no_expression{};
        result_.unknowns.push_back(join(w_, begin, i_));
        return "{" + std::to_string(result_.unknowns.size() - 1) + "}";
    }

    std::string stop_;
    arithmetic result_;
};

}  // namespace

std::optional<arithmetic> read_arithmetic(const std::string& question) {
    auto words = words_of(question);
    while (!words.empty() && (words.back().lower == "?" || words.back().lower == "." || words.back().lower == "=" ||
                              words.back().lower == "!"))
        words.pop_back();
    for (const auto& opening :
         {"please", "what is", "what's", "what are", "what", "whats", "calculate", "compute", "evaluate", "work out",
          "how much is", "tell me", "find", "give me", "solve", "can you", "the result of", "the value of", "please"}) {
        auto phrase = words_of(opening);
        if (words.size() > phrase.size() && find_phrase(words, phrase) == 0)
            words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(phrase.size()));
    }
    // "what percentage of 80 is 20?"
    std::size_t i = 0;
    if (i < words.size() && words[i].lower == "percentage" && i + 4 < words.size() + 0 && words[i + 1].lower == "of")
        for (std::size_t k = i + 3; k + 1 < words.size(); ++k)
            if (words[k].lower == "is" || words[k].lower == "are") {
                auto whole = read_arithmetic(join(words, i + 2, k)),
                     part = read_arithmetic(join(words, k + 1, words.size()));
                if (!whole || !part || !whole->unknowns.empty() || !part->unknowns.empty()) break;
                return arithmetic{"(" + part->expression + " / " + whole->expression + " * 100)", {}, 2};
            }
    if (words.empty() || words.size() > 80) return {};
    try {
        return expression_reader{std::move(words)}.run();
    } catch (const no_expression&) {
        return {};
    }
}

}  // namespace reagent::offline
