// `rlm` beside a plain prompt on contexts of growing size: a needle, counting, a sum over records, and references that
// lead to each other.
//
//     rlm_contexts [LARGEST TOKENS [QUESTIONS OF EACH KIND]]
//
// The model is a program: of a plain prompt it reads 8,000 tokens and answers from those; told that it works in an
// interpreter it writes the code that the prompt teaches. So the table shows what the mechanism costs and reaches, not
// what any real model does. Fails when rlm misses an answer, or when its cost grows with the context.
#include <reagent/agents/code.hpp>
#include <reagent/reagent.hpp>

#include <iomanip>
#include <iostream>
#include <random>

using namespace reagent;
using namespace reagent::literals;

namespace {

constexpr std::size_t window = 8'000 * 4;  // bytes
using asked = sig<"context, question -> answer">;

struct task_of {
    std::string kind, question, answer;
};

// Records in a shuffled order between filler, made from a seed.
struct world {
    std::string context;
    std::vector<task_of> tasks;

    world(std::size_t bytes, int of_each, unsigned seed) {
        std::mt19937 dice{seed};
        std::vector<std::string> lines;
        long total = 0, count = 0, size = 0;
        for (int i = 0; size < static_cast<long>(bytes); ++i) {
            const bool record = dice() % 4 == 0, oslo = dice() % 3 == 0;
            const long amount = dice() % 1000;
            if (record && oslo) ++count, total += amount;
            lines.push_back(record ? "Order " + std::to_string(i) + " from " + (oslo ? "Oslo" : "Bergen") + ": " +
                                         std::to_string(amount) + "."
                                   : "Note " + std::to_string(i) + ": the sea is calm, the wind comes from the west.");
            size += static_cast<long>(lines.back().size()) + 1;
        }
        for (int k = 0; k < of_each; ++k) add_hidden(k, lines, dice);
        for (int k = 0; k < of_each; ++k) {
            tasks.push_back({"count", "How many orders came from Oslo?", std::to_string(count)});
            tasks.push_back({"sum", "What do the orders from Oslo sum up to?", std::to_string(total)});
        }
        for (const auto& l : lines) context += l + "\n";
    }

    void add_hidden(int k, std::vector<std::string>& lines, std::mt19937& dice) {
        auto put = [&](std::string line) {
            lines.insert(lines.begin() + static_cast<long>(dice() % lines.size()), std::move(line));
        };
        const std::string n = std::to_string(k), code = std::to_string(100000 + dice() % 900000),
                          ref = std::to_string(dice());
        put("The secret of vault " + n + " is " + code + ".");
        tasks.push_back({"needle", "What is the secret of vault " + n + "?", code});
        put("Whoever seeks box " + n + " asks at desk " + ref + ".");
        put("Desk " + ref + " says: the key is " + code + "x.");
        tasks.push_back({"reference", "Which key opens box " + n + "?", code + "x"});
    }
};

std::string last_word(const std::string& q) {
    std::string w = q.substr(q.rfind(' ') + 1);
    return w.substr(0, w.find('?'));
}

std::string after(const std::string& text, const std::string& what) {
    auto at = text.find(what);
    return at == text.npos ? "unknown"
                           : text.substr(at + what.size(), text.find('.', at + what.size()) - at - what.size());
}

std::string line_with(const std::string& text, const std::string& what, const char* end) {
    auto at = text.rfind(what);
    if (at == text.npos) return {};
    at += what.size();
    return text.substr(at, text.find(end, at) - at);
}

// What the model can say of a text that it has read.
std::string read(const std::string& text, const std::string& q) {
    if (q.find("secret") != q.npos) return after(text, "secret of vault " + last_word(q) + " is ");
    if (q.find("box") != q.npos)
        return after(text,
                     "Desk " + after(text, "seeks box " + last_word(q) + " asks at desk ") + " says: the key is ");
    long count = 0, total = 0;
    for (auto at = text.find(" from Oslo: "); at != text.npos; at = text.find(" from Oslo: ", at + 1))
        ++count, total += std::atol(text.c_str() + at + 12);
    return std::to_string(q.find("How many") != q.npos ? count : total);
}

// The cell that the prompt teaches to write, for the first or a later step.
std::string code_for(const std::string& q, bool first, const std::string& seen) {
    const std::string n = last_word(q);
    if (q.find("secret") != q.npos)
        return first ? "hits = [l for l in context.splitlines() if 'vault " + n + " ' in l]\nhits"
                     : "submit(llm('What is the secret of vault " + n + "? ' + hits[0]))";
    if (q.find("box") != q.npos) {
        if (first) return "hits = [l for l in context.splitlines() if 'box " + n + " ' in l]\nhits";
        const std::string desk = line_with(seen, "asks at desk ", ".");
        return "i = context.index('Desk " + desk +
               " says')\nline = context[i:i+80]\nsubmit(line.split('key is ')[1].split('.')[0])";
    }
    const char* what = q.find("How many") != q.npos ? "len(found)" : "sum(found)";
    return first
               ? std::string{"import re\nfound = [int(m) for m in re.findall(r'from Oslo: (\\d+)', context)]\n"} + what
               : std::string{"submit(str("} + what + "))";
}

struct reading_model {
    std::size_t bytes = 0, calls = 0;

    scripted_answer operator()(const lm_request& r) {
        ++calls;
        for (const auto& m : r.messages) bytes += m.content.size();
        const std::string& said = r.messages.back().content;
        auto at = said.find("question: ");
        if (said.find("## next_code ##") != said.npos) {
            const std::string q = said.substr(at + 10, said.find('?', at) - at - 9);
            return {{"next_thought", "I look."},
                    {"next_code", code_for(q, said.find("observation_0") == said.npos, said)}};
        }
        if (said.find("## response ##") != said.npos) {
            const auto p = said.find("What is");
            return {{"response", read(said, said.substr(p, said.find('?', p) - p + 1))}};
        }
        const auto q = said.find("## question ##");
        return {{"answer", read(said.substr(0, window), said.substr(q, said.find('?', q) - q + 1))}};
    }
};

struct score {
    std::size_t right = 0, all = 0, tokens = 0, calls = 0;
};

template <class Program>
score measure(runtime& rt, const Program& program, const world& w) {
    auto model = std::make_shared<reading_model>();
    scripted lm{scripted::function{[model](const lm_request& r) { return (*model)(r); }}};
    score s;
    for (const auto& t : w.tasks) {
        auto p = rt.run(run_options{lm}, program, "context"_f = w.context, "question"_f = t.question);
        s.right += p.template get<"answer">() == t.answer;
        ++s.all;
    }
    s.tokens = model->bytes / 4 / s.all;
    s.calls = model->calls / s.all;
    return s;
}

}  // namespace

int main(int argc, char** argv) {
    const auto largest = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000ull;
    const int of_each = argc > 2 ? std::atoi(argv[2]) : 3;
    runtime rt;
    rlm<asked> recursive;
    predict<asked> plain;
    std::cout << "tokens      plain right   prompt   rlm right   tokens read   calls\n";
    bool good = true;
    std::size_t first_cost = 0;
    for (std::size_t tokens = 10'000; tokens <= largest; tokens *= 10) {
        world w{tokens * 4, of_each, 7};
        auto a = measure(rt, plain, w), b = measure(rt, recursive, w);
        if (!first_cost) first_cost = b.tokens;
        std::cout << std::left << std::setw(12) << tokens << a.right << "/" << std::setw(11) << a.all << std::setw(9)
                  << a.tokens << b.right << "/" << std::setw(9) << b.all << std::setw(14) << b.tokens << b.calls
                  << std::endl;
        good = good && b.right == b.all && b.tokens < first_cost * 2;
    }
    return good ? 0 : 1;
}
