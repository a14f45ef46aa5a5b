// Asks the demo questions and judges the answers:
//   offline_questions FILE.json [-v]          a corpus
//   offline_questions generated N [SEED] [-v] N questions from a grammar, each in several wordings; what is answered
//   must be right offline_questions -                       a question a line from the standard input, only to read
#include "../offline/asked.hpp"
#include "../offline/generator.hpp"

#include <boost/json.hpp>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>

namespace json = boost::json;
using namespace reagent::test;

namespace {

std::string content(const std::string& file) {
    std::ifstream in{file};
    return {std::istreambuf_iterator<char>{in}, {}};
}

void show(const said& s) {
    for (const auto& t : s.thoughts) std::cout << "      " << t << "\n";
    for (const auto& q : s.statements) std::cout << "      " << q << "\n";
}

int generated(demo_agent& agent, int n, unsigned seed, bool verbose) {
    question_generator generator{seed};
    int right = 0, wrong = 0, inside = 0, outside = 0, declined_inside = 0, questions_answered = 0,
        questions_inside = 0;
    for (int i = 0; i < n; ++i) {
        auto g = generator.next();
        auto rows = g.sql.empty() ? std::vector<std::vector<std::string>>{} : rows_of(REAGENT_SHOP, g.sql);
        bool any = false;
        questions_inside += !g.sql.empty();
        for (const auto& w : g.wordings) {
            auto s = agent.ask(w);
            (g.sql.empty() ? outside : inside)++;
            if (s.declined()) {
                declined_inside += !g.sql.empty();
                if (verbose && !g.sql.empty())
                    std::cout << "DECLINED " << w << "\n         " << s.answer.substr(0, 190) << "\n";
                continue;
            }
            any = true;
            if (!g.sql.empty() && same_answer(s.answer, rows)) {
                ++right;
                continue;
            }
            ++wrong;
            std::cout << "WRONG    " << w << "\n         " << g.sql << "\n";
            show(s);
            std::cout << "   => " << s.answer.substr(0, 300) << "\n   expected";
            for (const auto& r : rows)
                for (const auto& c : r) std::cout << " " << c.substr(0, 100);
            std::cout << "\n";
        }
        questions_answered += any && !g.sql.empty();
    }
    std::cout << n << " questions from seed " << seed << ": " << inside << " wordings of " << questions_inside
              << " that have an answer: " << right << " right, " << declined_inside << " declined; "
              << questions_answered << " answered in some wording; " << outside << " wordings without an answer; "
              << wrong << " wrong\n";
    return wrong ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::string data = REAGENT_EXAMPLE_DATA;
    bool bare = std::getenv("BARE") != nullptr, verbose = argc > 2;
    demo_agent agent{REAGENT_SHOP, bare ? "" : content(data + "/shop_policy.json"), data + "/documents"};
    if (argc < 2 || std::string{argv[1]} == "-") {
        for (std::string line; std::getline(std::cin, line);) {
            auto s = agent.ask(line);
            std::cout << line << "\n";
            show(s);
            std::cout << "   => " << s.answer << "\n\n";
        }
        return 0;
    }
    if (std::string{argv[1]} == "generated") {
        int n = argc > 2 ? std::atoi(argv[2]) : 1000;
        return generated(agent, n, argc > 3 ? static_cast<unsigned>(std::atoi(argv[3])) : 1, argc > 4);
    }
    int right = 0, wrong = 0, declined = 0;
    auto questions = json::parse(content(argv[1]));
    for (const auto& q : questions.as_array()) {
        const auto& o = q.as_object();
        std::string question{o.at("question").as_string()};
        auto s = agent.ask(question);
        bool fine = false;
        std::string expected;
        if (auto* sql = o.if_contains("sql")) {
            auto rows = rows_of(REAGENT_SHOP, std::string{sql->as_string()});
            fine = same_answer(s.answer, rows);
            for (const auto& r : rows)
                for (const auto& c : r) expected += c + "; ";
        } else if (auto* part = o.if_contains("answer"))
            expected = part->as_string(), fine = s.answer.find(expected) != s.answer.npos;
        (s.declined() ? declined : fine ? right : wrong)++;
        std::cout << (s.declined() ? "DECLINED " : fine ? "right    " : "WRONG    ") << question << "\n";
        if (!fine || verbose)
            show(s),
                std::cout << "   => " << s.answer.substr(0, 500) << "\n   expected " << expected.substr(0, 300) << "\n";
    }
    std::cout << right << " right, " << wrong << " wrong, " << declined << " declined\n";
    return wrong ? 1 : 0;
}
