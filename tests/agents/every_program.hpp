#pragma once

// What is asked of every module of ours: it is evaluated, compiled, saved and nested, with its predictors found.
#include <reagent/optimize/few_shot.hpp>
#include <reagent/reagent.hpp>

#include <boost/json.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace reagent::test {

using qa = sig<"question -> answer">;
using names = std::vector<std::string>;

inline names paths_of(const module& program) {
    names all;
    for (const auto* p : predictors_of(program)) all.push_back(p->predictor_path());
    std::sort(all.begin(), all.end());
    return all;
}

inline dataset questions(json::object more = {}) {
    dataset data;
    for (const char* question : {"What is six times seven?", "What is forty and two?"}) {
        json::object fields = more;
        names inputs;
        for (const auto& [name, v] : more) inputs.emplace_back(name);
        fields["question"] = question;
        fields["answer"] = "42";
        inputs.emplace_back("question");
        data.push_back(example{std::move(fields), std::move(inputs)});
    }
    return data;
}

// What an optimizer of the library finds for the program is saved, read again, and used by it.
template <class Module>
void is_compiled_and_saved(const Module& program, const dataset& data, const std::string& output,
                           const scripted::function& say) {
    runtime rt;
    compile_options c;
    c.run.lm = scripted{say};
    c.measure = false;
    const auto made = bootstrap_few_shot{{.max_bootstrapped_demos = 1, .max_labeled_demos = 0}}.compile(
        rt, program, data, {}, exact_match_of(output), c);
    const auto document = to_saved(program, made.best);
    BOOST_TEST(document.predictors().size() == predictors_of(program).size());
    const auto again = from_saved(program, saved_program::parse(json::serialize(document.document())));
    BOOST_TEST(to_saved(program, again).hash() == document.hash());
    std::size_t taught = 0;
    for (const auto* p : predictors_of(program))
        taught += again.find(p->predictor_path()) && !again.find(p->predictor_path())->demos.empty();
    BOOST_TEST(taught > 0u);
    scripted lm{say};
    evaluate_options o;
    o.run.lm = lm;
    o.run.parameters = std::make_shared<const parameters>(again);
    BOOST_TEST(evaluate(rt, program, data, exact_match_of(output), o).score == 100.0);
    const auto requests = lm.requests();
    BOOST_TEST(std::any_of(requests.begin(), requests.end(),
                           [](const lm_request& r) { return r.messages.size() > 2; }));  // with a demo
}

template <class Module>
void is_a_program(const Module& program, const names& paths, const dataset& data, const std::string& output,
                  const scripted::function& say) {
    static_assert(program_type<Module>);
    BOOST_TEST(paths_of(program) == paths, boost::test_tools::per_element());
    runtime rt;
    evaluate_options o;
    o.run.lm = scripted{say};
    const auto e = evaluate(rt, program, data, exact_match_of(output), o);
    BOOST_TEST(e.score == 100.0, (e.rows.empty() ? "" : e.rows.at(0).error));
    is_compiled_and_saved(program, data, output, say);
}

// A program whose part is the module.
template <class Module>
struct around : module {
    Module part;
    template <class... Args>
    explicit around(Args&&... args) : part{*this, "part", std::forward<Args>(args)...} {}
    task<json::object> call(run& r, json::object inputs) const { return as_program(part)(r, inputs); }
};

inline names within(names paths) {
    for (auto& p : paths) p = p == "self" ? "part" : "part." + p;
    return paths;
}

template <class Module, class... Args>
void is_a_program_alone_and_within(const names& paths, const dataset& data, const std::string& output,
                                   const scripted::function& say, const Args&... args) {
    is_a_program(Module{args...}, paths, data, output, say);
    is_a_program(around<Module>{args...}, within(paths), data, output, say);
}

inline scripted_answer answers(const lm_request&) { return {{"reasoning", "It is known."}, {"answer", "42"}}; }

inline bool asks_for(const lm_request& r, const std::string& field) {
    return r.messages.back().content.find("`[[ ## " + field + " ## ]]`") != std::string::npos;
}

}  // namespace reagent::test
