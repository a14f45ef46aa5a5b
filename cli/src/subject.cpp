#include "subject.hpp"

#include <reagent/agents/react.hpp>
#include <reagent/base/write_file.hpp>
#include <reagent/error.hpp>
#include <reagent/http/shown_url.hpp>
#include <reagent/lm/decorators.hpp>
#include <reagent/module/program_store.hpp>
#include <reagent/schema/render.hpp>
#include <reagent/tools/sql_metric.hpp>

#include <boost/json.hpp>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <system_error>

namespace reagent::cli {

/// A module made from what the command line says; predictors have the paths that DSPy gives them.
class subject::dynamic_program : public module {
public:
    dynamic_program(const reagent::signature& s, const std::string& kind, tools t) {
        if (kind == "cot")
            reasoned_ = std::make_unique<predictor>(*this, "predict", detail::with_reasoning(s));
        else if (kind == "react")
            agent_ = std::make_unique<detail::react_core>(s, std::move(t), react_options{});
        else
            alone_ = std::make_unique<predictor>(s);
    }
    const module& root() const {
        if (alone_) return *alone_;
        if (agent_) return *agent_;
        return *this;
    }
    task<json::object> call(run& r, json::object inputs) const {
        if (agent_) return agent_->call(r, std::move(inputs));
        return (alone_ ? alone_ : reasoned_)->call(r, std::move(inputs));
    }

private:
    std::unique_ptr<predictor> alone_, reasoned_;
    std::unique_ptr<detail::react_core> agent_;
};

language_model with_retries(language_model model) {
    return model.backend()->name() == "offline/demo" ? model : retrying(model, {.max_attempts = 4});
}

void add_subject_options(CLI::App& c, subject_options& o, const cli_program* own) {
    if (!own) {
        c.add_option("--signature", o.signature, "as \"question -> answer: int\"")->required();
        c.add_option("--module", o.module, "predict, cot (reasons first) or react (uses --tools)")
            ->check(CLI::IsMember({"predict", "cot", "react"}));
        c.add_option("--instructions", o.instructions, "instead of the signature's own");
        c.add_option("--tools", o.tools, "for react, as for `reagent ask`");
    }
    c.add_option("--program", o.program,
                 "saved program to begin with, Reagent's or DSPy's: a file, or FOLDER@TAG of a store")
        ->check(not_empty());
    c.add_option("--lm", o.lm, "model, as provider/name; default: as for `reagent ask`");
    c.add_option("--api-base", o.api_base, "address of an OpenAI-compatible server")->check(not_empty());
    c.add_option("--adapter", o.adapter, "chat, json or xml")->check(CLI::IsMember({"chat", "json", "xml"}));
    c.add_flag("--json", o.json, "the result as JSON");
    c.add_flag("--quiet", o.quiet, "no progress");
}

void add_metric_options(CLI::App& c, subject_options& o) {
    c.add_option("--inputs", o.inputs, "fields that are inputs, as a,b; default: the program's")->delimiter(',');
    c.add_option("--metric", o.metric,
                 "exact_match:FIELD, f1:FIELD, numeric:FIELD, json_f1:FIELD, sql_match:FIELD:DATABASE, "
                 "semantic_f1:FIELD or \"rubric:WHAT "
                 "IS GOOD\"; of retrieval recall@K:LABEL and others (docs/rag.md)")
        ->required();
    c.add_option("--judge", o.judge, "model for semantic_f1 and rubric; default: --lm");
    c.add_option("--concurrency", o.concurrency, "examples at work at the same time")->check(whole_number(1, 10'000));
    c.add_option("--threads", o.threads, "threads that run them")->check(whole_number(1, 256));
    c.add_option("--state", o.state, "folder for what models answered: what was interrupted goes on from there")
        ->check(not_empty());
}

subject::subject(const subject_options& o, const cli_program* own) : inputs_{o.inputs} {
    if (own) {
        root_ = &own->root;
        call_ = own->call;
        outputs_ = own->outputs;
        title_ = own->description.empty() ? "the program" : own->description;
        if (inputs_.empty()) inputs_ = own->inputs;
        if (inputs_.empty())
            if (auto all = predictors_of(own->root); !all.empty())
                for (const auto& f : all.front()->signature().inputs) inputs_.push_back(f.name);
        return;
    }
    auto s = parse_signature(o.signature);
    if (!o.instructions.empty()) s.instructions = o.instructions;
    made_ = std::make_unique<dynamic_program>(s, o.module, tools_from(o.tools));
    root_ = &made_->root();
    call_ = as_program(*made_);
    title_ = s.text();
    if (inputs_.empty())
        for (const auto& f : s.inputs) inputs_.push_back(f.name);
    for (const auto& f : s.outputs) outputs_.push_back(f.name);
    if (o.module != "predict") outputs_.push_back("reasoning");
}
subject::~subject() = default;

const module& subject::root() const { return *root_; }

dataset subject::load(const std::string& file) const {
    std::vector<signature_field> fields;
    for (const auto* p : predictors_of(*root_))
        for (const auto* side : {&p->signature().inputs, &p->signature().outputs})
            fields.insert(fields.end(), side->begin(), side->end());
    return load_examples(file, inputs_, fields);
}

void subject::check_metric(const std::string& metric, const dataset& data) const {
    auto colon = metric.find(':');
    if (colon == metric.npos || metric.starts_with("rubric:")) return;
    std::string field = metric.substr(colon + 1, metric.find(':', colon + 1) - colon - 1);
    auto fail = [&](const std::string& where, const std::vector<std::string>& there) {
        auto near = did_you_mean(field, there);
        throw program_error{program_errc::mismatch, "the metric compares `" + field + "`, but " + where +
                                                        " has no such field" +
                                                        (near.empty() ? "" : "; did you mean `" + near + "`?")};
    };
    if (!outputs_.empty() && std::find(outputs_.begin(), outputs_.end(), field) == outputs_.end())
        fail("the signature", outputs_);
    for (std::size_t i = 0; i < data.size(); ++i)
        if (!data[i].find(field)) {
            std::vector<std::string> labels;
            for (const auto& [name, value] : data[i].labels()) labels.emplace_back(name);
            fail("example " + std::to_string(i + 1), labels);
        }
}

namespace {

bool is_store(const std::string& folder) {
    return std::filesystem::is_directory(std::filesystem::path{folder} / "versions");
}

}  // namespace

saved_program load_program(const std::string& where) {
    auto at = where.rfind('@');
    if (at != where.npos && is_store(where.substr(0, at)))
        return program_store{where.substr(0, at)}.get(where.substr(at + 1));
    return saved_program::load(where);
}

std::shared_ptr<const parameters> subject::load_parameters(const std::string& program, bool models) const {
    return std::make_shared<const parameters>(from_saved(*root_, load_program(program), models));
}

namespace {

// As another process finds it, from its own folder; of a store the version, as its tag may have moved by then.
std::string kept_place(const std::string& program) {
    auto absolute = [](const std::string& path) { return std::filesystem::absolute(path).lexically_normal().string(); };
    auto at = program.rfind('@');
    if (at == program.npos || !is_store(program.substr(0, at))) return absolute(program);
    return absolute(program.substr(0, at)) + "@" +
           std::to_string(program_store{program.substr(0, at)}.number_of(program.substr(at + 1)));
}

}  // namespace

run_options subject::prepared(const subject_options& o) const {
    run_options r;
    bool own_model = false;
    if (!o.program.empty()) {
        r.parameters = load_parameters(o.program, o.lm.empty());
        for (const auto& [path, p] : r.parameters->predictors) own_model = own_model || p.lm;
    }
    if (!own_model || !o.lm.empty()) {
        auto chosen = choose_model(o.lm, o.api_base, o.key);
        if (!chosen.notice.empty() && !o.quiet) std::cerr << printable(chosen.notice) << "\n";
        r.about = {{"lm", chosen.model.name()}};
        if (!chosen.api_base.empty()) r.about["api_base"] = http::shown_url(chosen.api_base);
        r.lm = with_retries(chosen.model);
    }
    r.adapter = adapter_named(o.adapter);
    r.about["adapter"] = o.adapter;
    if (!o.program.empty()) r.about["program"] = kept_place(o.program);
    return r;
}

std::string interrupted_text(const std::string& state) {
    if (state.empty())
        return "nothing of it is kept. With --state FOLDER what models answered is kept, and the same command goes on "
               "from there";
    return "what models answered is kept in " + state + "; the same command goes on from there";
}

metric metric_of(const subject_options& o) {
    judge_options judge;
    if (!o.judge.empty()) judge.lm = with_retries(choose_model(o.judge, o.api_base).model);
    constexpr std::string_view sql = "sql_match:";
    if (o.metric.starts_with(sql)) {
        auto colon = o.metric.find(':', sql.size());
        if (colon == o.metric.npos) throw misuse{"sql_match needs a field and a database, as sql_match:sql:shop.db"};
        check_is_file("--metric sql_match:FIELD:DATABASE", o.metric.substr(colon + 1));
        return sql_match_of(o.metric.substr(sql.size(), colon - sql.size()), o.metric.substr(colon + 1));
    }
    return metric_named(o.metric, std::move(judge));
}

progress::progress(bool quiet) : bar_{!quiet && terminal{true}.colours()}, lines_{!quiet && !bar_} {}

void progress::operator()(const evaluation_progress& p) {
    auto number = [](double d) {
        char text[32];
        std::snprintf(text, sizeof text, "%.4g", d);
        return std::string{text};
    };
    bool last = p.done == p.all;
    if (lines_ && !last && p.elapsed - told_ < std::chrono::seconds{5}) return;
    if (!bar_ && !lines_) return;
    told_ = p.elapsed;
    double seconds = static_cast<double>(p.elapsed.count()) / 1000,
           rate = seconds > 0 ? static_cast<double>(p.done) / seconds : 0;
    std::string text = std::to_string(p.done) + "/" + std::to_string(p.all) + "  score " + number(p.score) + "  " +
                       number(rate) + "/s";
    if (rate > 0 && !last)
        text += "  " + std::to_string(static_cast<long>(static_cast<double>(p.all - p.done) / rate) + 1) + " s left";
    if (p.usage.cost) text += "  $" + number(*p.usage.cost);
    if (p.errors) text += "  " + std::to_string(p.errors) + " errors";
    if (bar_) {
        std::size_t full = p.all ? 24 * p.done / p.all : 24;
        std::cerr << "\r\033[K[" << std::string(full, '#') << std::string(24 - full, '.') << "] " << text
                  << (last ? "\n" : "") << std::flush;
    } else
        std::cerr << text << "\n";
}

void write_file(const std::string& file, const std::string& text) {
    try {
        reagent::write_file(file, text);
    } catch (const std::system_error& e) {
        throw program_error{
            program_errc::unwritable, "the file \"" + file + "\" cannot be written: " + e.what(), {.path = file}};
    }
}

}  // namespace reagent::cli
