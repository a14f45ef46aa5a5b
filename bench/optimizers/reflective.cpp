// One search: optimizer_beside KIND OPTIMIZER SEED PORT [SETTING=VALUE ...], in a folder with the data of honest.py.
// Prints the score on test data before and after, the requests of the search, and the score on validation data.
#include <reagent/optimize/optimizers.hpp>
#include <reagent/reagent.hpp>
#include <reagent/schema/render.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

namespace rg = reagent;
namespace json = boost::json;
using namespace reagent::literals;

namespace {

json::value known() {
    std::ifstream file{"known.json"};
    std::stringstream text;
    text << file.rdbuf();
    return json::parse(text.str());
}

std::set<std::string> words(const std::string& text) {
    std::set<std::string> all;
    std::string word;
    for (char c : text + " ")
        if (std::isalnum(static_cast<unsigned char>(c)))
            word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
        else if (!word.empty())
            all.insert(std::exchange(word, {}));
    return all;
}

struct hops : rg::module {
    struct input {
        std::string question;
    };
    struct output {
        std::string query, answer;
    };
    rg::predict<rg::sig<"question, context -> query">> query{*this, "query"};
    rg::predict<rg::sig<"question, context -> answer">> answer{*this, "answer"};
    std::vector<std::string> passages;

    explicit hops(const json::value& all) {
        for (const auto& p : all.as_array()) passages.emplace_back(p.as_string());
    }
    std::string search(const std::string& text) const {
        auto wanted = words(text);
        for (const char* common : {"the", "of", "in", "does", "where", "owner"}) wanted.erase(common);
        std::size_t best = 0, most = 0;
        for (std::size_t i = 0; i < passages.size(); ++i) {
            std::size_t n = 0;
            for (const auto& w : words(passages[i])) n += wanted.contains(w);
            if (n > most) most = n, best = i;
        }
        return passages[best];
    }
    rg::task<output> forward(rg::run& run, input in) const {
        const std::string first = search(in.question);
        auto q = co_await query(run, "question"_f = in.question, "context"_f = first);
        const std::string wanted = q.get<"query">();
        auto a = co_await answer(run, "question"_f = in.question, "context"_f = first + " " + search(wanted));
        co_return output{wanted, a.get<"answer">()};
    }
};

std::string text_in(const json::object& o, const char* name) {
    const auto* v = o.if_contains(name);
    return v ? rg::python_str(*v) : "";
}

rg::judgement judged(const std::string& kind, const rg::example& e, const json::object& outputs) {
    auto label = [&](const char* name) { return text_in(e.fields, name); };
    if (kind == "topics") {
        const bool good = text_in(outputs, "topic") == label("topic");
        return {good ? 1.0 : 0.0, good ? "" : "Expected " + label("topic") + ": rule <" + label("rule") + ">."};
    }
    const std::string answer = text_in(outputs, "answer");
    rg::judgement j{answer == label("answer") ? 1.0 : 0.0, {}};
    const bool holds = answer.find(label("answer")) != answer.npos;
    if (kind == "hops") {
        if (text_in(outputs, "query").find(label("bridge")) == std::string::npos)
            j.by_predictor["query"] =
                "The query misses " + label("bridge") + ": rule <name in the query what the first passage found>.";
        if (holds && j.score < 1) j.by_predictor["answer"] = "rule <answer with the name alone>.";
        return j;
    }
    if (holds && j.score < 1) j.feedback = "rule <answer with the value alone>.";
    if (!holds) j.feedback = "This stands elsewhere: rule <what " + label("word") + " is in " + label("tool") + ">.";
    return j;
}

template <class Program>
void search(rg::runtime& rt, const Program& program, const std::string& kind, int argc, char** argv) {
    const std::vector<std::string> inputs{kind == "topics" ? "message" : "question"};
    const auto train = rg::load_examples("train.jsonl", inputs), val = rg::load_examples("val.jsonl", inputs);
    const auto test = rg::load_examples("test.jsonl", inputs);
    const auto rate =
        rg::make_metric([kind](const rg::example& e, const json::object& outputs) { return judged(kind, e, outputs); });
    rg::optimizers::given_settings settings;
    for (int i = 5; i < argc; ++i) {
        const std::string given = argv[i];
        settings[given.substr(0, given.find('='))] = given.substr(given.find('=') + 1);
    }
    rg::compile_options options;
    options.run.lm = rg::language_model{
        "openai/l", {.api_base = "http://127.0.0.1:" + std::string{argv[4]} + "/v1", .api_key = rg::secret{"none"}}};
    options.seed = std::stoull(argv[3]);
    options.measure = false;
    if (std::getenv("TELL")) options.on_progress = [](const std::string& what) { std::cerr << what << "\n"; };
    auto score = [&](const rg::parameters& with) {
        rg::evaluate_options o;
        o.run = options.run;
        o.run.parameters = std::make_shared<const rg::parameters>(with);
        return rg::evaluate(rt, program, test, rate, o).score;
    };
    const double before = score({});
    const auto made = rg::optimizers::ready().make(argv[2], settings)->compile(rt, program, train, val, rate, options);
    if (std::getenv("TELL")) std::cerr << json::serialize(rg::to_saved(program, made.best).document()) << "\n";
    std::cout << before << " " << score(made.best) << " " << made.usage.calls << " " << made.score.value_or(0) << "\n";
}

rg::tools records(const json::value& tables) {
    rg::tools all;
    for (const auto& [name, table] : tables.as_object()) {
        auto look = [rows = table.as_object()](std::string key) {
            const auto* v = rows.if_contains(key);
            return v ? std::string{v->as_string()} : std::string{"nothing"};
        };
        all.add(std::string{name}, "Looks into the firm's records.", look, {"key"}, {.quick = true});
    }
    return all;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) return std::cerr << "optimizer_beside KIND OPTIMIZER SEED PORT [SETTING=VALUE ...]\n", 2;
    const std::string kind = argv[1];
    rg::runtime rt;
    if (kind == "topics") {
        const rg::predict<rg::sig<"message -> topic">> program;
        search(rt, program, kind, argc, argv);
    } else if (kind == "hops") {
        const hops program{known()};
        search(rt, program, kind, argc, argv);
    } else {
        const rg::react<rg::sig<"question -> answer">> program{records(known()), {.max_iters = 4}};
        search(rt, program, kind, argc, argv);
    }
}
