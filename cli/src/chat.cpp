// Conversations with an agent: `reagent chat`, and `reagent sessions` for what is kept of them.
#include "interruption.hpp"
#include "live_view.hpp"
#include "runs.hpp"

#include <reagent/agents/react.hpp>
#include <reagent/http/shown_url.hpp>
#include <reagent/run/consent.hpp>
#include <reagent/schema/render.hpp>

#include <unistd.h>
#include <boost/json.hpp>

#include <algorithm>
#include <iomanip>
#include <iostream>

namespace reagent::cli {
namespace {

struct chat_options {
    std::string message, session, journals, lm, api_base,
        tools = "calculator,time", signature = "message, history: dspy.History -> reply", adapter = "chat";
    std::size_t max_iters = 12, history_tokens = history_limits{}.tokens;
    std::vector<std::string> private_fields;
    double timeout = 300;
    bool json = false, quiet = false, native = false;
};

class conversation {
public:
    explicit conversation(const chat_options& o)
        : o_{o}, signature_{parse_signature(o.signature)}, view_{terminal{}, signature_} {
        std::vector<std::string> open;
        bool history = false;
        for (const auto& f : signature_.inputs) {
            history = history || is_history(f);
            if (!is_history(f)) open.push_back(f.name);
        }
        if (open.size() != 1 || !history)
            throw misuse{
                "the signature of a conversation has one input for what is said and one of type dspy.History, as in "
                "\"" +
                chat_options{}.signature + "\""};
        said_ = open.front();
        check_private(o.private_fields, signature_, tools_from(o.tools));
        private_fields_ = o.private_fields;
        store_ = open_journals(o.journals, journal_access::create);
        auto chosen = choose_model(o.lm, o.api_base);
        if (!chosen.notice.empty() && !o.quiet)
            std::cerr << terminal{true}.dim("reagent: " + visible(chosen.notice)) << std::endl;
        model_ = chosen.model;
        api_base_ = chosen.api_base;
        run_options options{with_retries(chosen.model)};
        options.stream = !o.json && !o.quiet;
        if (options.stream) options.on_event = [this](const run_event& e) { view_(e); };
        runtime_.emplace(runtime_options_for(store_));
        runtime_->serve(ask_program, ask_program_function(), std::move(options), stored_options());
    }

    /// What was said before, and a turn that was under way when its process ended.
    int pick_up() {
        watch_.lets_go(store_, {},
                       "session " + visible_name(o_.session) + " is kept; it goes on with: reagent chat --session " +
                           shell_word(o_.session) + with_journals(o_.journals));
        auto s = store_->find_session(o_.session);
        if (!s) return 0;
        stay_private(*s);
        if (!o_.quiet && !o_.json && !s->turns.empty())
            std::cerr << terminal{true}.dim("session " + visible_name(o_.session) + " goes on after " +
                                            std::to_string(s->turns.size()) +
                                            (s->turns.size() == 1 ? " turn" : " turns"))
                      << std::endl;
        for (const auto& r : store_->list({.session = o_.session}))
            if (r.status == run_status::ready || r.status == run_status::running) {
                if (!o_.quiet)
                    std::cerr << terminal{true}.dim("going on with the turn that was under way, run " +
                                                    visible_name(r.id))
                              << std::endl;
                return show(runtime_->resume(r.id));
            }
        return 0;
    }

    int say(const std::string& message) {
        ask_setup setup{.signature = o_.signature,
                        .tools = with_absolute_paths(o_.tools),
                        .lm = model_.name(),
                        .api_base = api_base_,
                        .adapter = o_.adapter,
                        .max_iters = o_.max_iters,
                        .native = o_.native,
                        .timeout = o_.timeout,
                        .private_fields = private_fields_,
                        .history_tokens = o_.history_tokens};
        view_.start_again();
        return show(runtime_->converse(o_.session, ask_program, setup.stored(json::object{{said_, message}})));
    }

private:
    // What was private in a turn is shown to the next ones, under the same names.
    void stay_private(const session& s) {
        for (const auto& turn : s.turns)
            if (auto* names = turn.inputs.if_contains("private"); names && names->is_array())
                for (const auto& name : names->get_array())
                    if (name.is_string() && std::find(private_fields_.begin(), private_fields_.end(),
                                                      name.get_string()) == private_fields_.end())
                        private_fields_.emplace_back(std::string_view{name.get_string()});
    }

    int show(const stored_run& r) {
        view_.close();
        if (o_.json) {
            json::object line{{"session", o_.session}, {"run", r.id}, {"status", to_string(r.status)}};
            if (r.outputs) line["outputs"] = *r.outputs;
            if (!r.error.empty()) line["error"] = r.error;
            line["usage"] = to_json(r.usage);
            std::cout << shown_json(line) << std::endl;
        } else if (r.outputs) {
            for (const auto& f : signature_.outputs) {
                if (view_.has_shown(f.name) || !r.outputs->contains(f.name)) continue;
                const auto& v = r.outputs->at(f.name);
                std::cout << (signature_.outputs.size() == 1 ? "" : f.name + ": ")
                          << terminal{}.bold(answer_text(v, o_.quiet)) << std::endl;
            }
        } else
            complain(halted_text(r));
        return exit_code(r.status);
    }

    interruption watch_;  // first: before any thread begins
    const chat_options& o_;
    signature signature_;
    live_view view_;
    std::string said_;
    std::vector<std::string> private_fields_;
    std::shared_ptr<journal_store> store_;
    language_model model_;
    std::string api_base_;
    std::optional<runtime> runtime_;  // last: its runs tell the view
};

int chat(chat_options o) {
    bool ask = o.message.empty();
    bool at_terminal = ask && ::isatty(STDIN_FILENO) && ::isatty(STDOUT_FILENO);
    bool fresh = o.session.empty();
    if (fresh) o.session = random_id();
    conversation c{o};
    if (fresh && !o.quiet && !o.json)
        std::cerr << terminal{true}.dim("session " + visible_name(o.session) +
                                        "; it goes on with: reagent chat --session " + shell_word(o.session) +
                                        with_journals(o.journals))
                  << std::endl;
    int worst = c.pick_up();
    if (!ask) return worst ? worst : c.say(o.message);
    for (std::string line; (at_terminal && std::cout << "> " << std::flush), std::getline(std::cin, line);) {
        if (line.find_first_not_of(" \t\r") == line.npos) continue;
        if (line == "/quit" || line == "/exit") break;
        try {
            worst = std::max(worst, c.say(line));
        } catch (const std::exception& e) {
            complain(indented(e.what(), "  "));
            worst = std::max(worst, 1);
        }
    }
    return worst;
}

// --- what is kept --------------------------------------------------------------------------------------------------

struct sessions_options {
    std::string journals, id, new_id;
    std::size_t limit = 50, turns = 0;
    bool json = false;
};

int list(const sessions_options& o) {
    auto all = open_journals(o.journals)->sessions(o.limit);
    if (o.json) {
        json::array rows;
        for (const auto& s : all) {
            json::object row{{"id", s.id}, {"program", s.program}, {"turns", s.turns}};
            if (!s.parent.empty()) row["parent"] = s.parent;
            if (!s.waits_for.empty()) row["waits_for"] = s.waits_for;
            rows.push_back(std::move(row));
        }
        std::cout << shown_json(rows) << "\n";
        return 0;
    }
    if (all.empty()) std::cout << "There are no sessions.\n";
    for (const auto& s : all)
        std::cout << visible_name(s.id) << "  " << time_text(s.updated) << "  " << s.turns
                  << (s.turns == 1 ? " turn  " : " turns  ") << visible_name(s.program)
                  << (s.waits_for.empty() ? "" : "  waits for run " + visible_name(s.waits_for)) << "\n";
    return 0;
}

void print_fields(const terminal& t, const json::object& fields) {
    for (const auto& [name, v] : fields) {
        if (v.is_object())
            print_fields(t, v.get_object());
        else
            std::cout << "   " << t.dim(visible_name(name) + ": ") << indented(answer_text(v, true), "     ") << "\n";
    }
}

int show(const sessions_options& o) {
    auto s = open_journals(o.journals)->get_session(o.id);
    if (o.json) {
        std::cout << shown_json(to_json(s)) << "\n";
        return 0;
    }
    terminal t;
    std::cout << t.bold(visible_name(s.id)) << "  " << visible_name(s.program)
              << (s.parent.empty() ? "" : "  forked from " + visible_name(s.parent)) << "\n";
    if (s.summarized)
        std::cout << t.dim("the first " + std::to_string(s.summarized) + " turns are summarized for the model: ")
                  << indented(printable(s.summary), "  ") << "\n";
    for (std::size_t i = 0; i < s.turns.size(); ++i) {
        const auto& turn = s.turns[i];
        std::cout << i + 1 << ". " << t.dim(time_text(turn.at) + ", run " + visible_name(turn.run)) << "\n";
        auto* inner = turn.inputs.if_contains("inputs");
        print_fields(t, inner && inner->is_object() && s.program == ask_program ? inner->get_object() : turn.inputs);
        std::size_t calls = 0;
        for (const auto& [name, v] : turn.trajectory) calls += name.starts_with("tool_name_");
        if (calls)
            std::cout << "   " << t.dim(std::to_string(calls) + (calls == 1 ? " call of a tool" : " calls of tools"))
                      << "\n";
        print_fields(t, turn.outputs);
    }
    return 0;
}

}  // namespace

void add_chat(CLI::App& app, command& chosen) {
    auto o = std::make_shared<chat_options>();
    auto* c = app.add_subcommand("chat", "A conversation with an agent, kept by its id; every turn is a durable run");
    c->add_option("MESSAGE", o->message, "one turn; without it each line of standard input is one")->check(not_empty());
    c->add_option("--session", o->session, "which conversation; default: a new one")->check(new_id());
    c->add_option("--journals", o->journals,
                  "a file of SQLite or postgresql://...; default: $REAGENT_JOURNALS, else reagent-runs.db")
        ->check(not_empty());
    c->add_option("--tools,-t", o->tools,
                  "tools, as calculator,sql:FILE,policy=FILE,docs:DIR,index:INDEX (see `reagent tools`); \"\" for none")
        ->capture_default_str();
    c->add_option("--lm", o->lm, "language model, as for `reagent ask`");
    c->add_option("--api-base", o->api_base, "address of an OpenAI-compatible server")->check(not_empty());
    c->add_option("--signature,-s", o->signature,
                  "one input for what is said, one of type dspy.History, and the outputs")
        ->capture_default_str();
    c->add_option("--adapter,-a", o->adapter, "chat, json or xml")
        ->check(CLI::IsMember({"chat", "json", "xml"}))
        ->capture_default_str();
    c->add_option("--max-iters", o->max_iters, "most steps in a turn")
        ->check(whole_number(1, 1000))
        ->capture_default_str();
    c->add_option("--history-tokens", o->history_tokens,
                  "what earlier turns may take of a prompt, estimated; then results of tools are left out and old "
                  "turns summarized")
        ->check(whole_number(least_history_tokens, 10'000'000))
        ->capture_default_str();
    c->add_option("--timeout", o->timeout, "seconds until a turn is given up")
        ->check(number(0.1, 86400))
        ->capture_default_str();
    c->add_option(
        "--private", o->private_fields,
        "a field, or an argument of a tool, whose values stand in no log and no telemetry, from this turn on");
    c->add_flag("--native", o->native, "use the provider's own tool calling");
    c->add_flag("--json", o->json, "a JSON object on stdout for each turn");
    c->add_flag("--quiet,-q", o->quiet, "print nothing but the replies");
    c->footer(
        "Exit code 3: a turn waits for consent, or for somebody to look; see `reagent runs`.\n"
        "Examples:\n"
        "  reagent chat --session ada --tools calculator,docs:notes\n"
        "  reagent chat \"And twice that?\" --session ada --quiet");
    c->callback([o, &chosen] { chosen = [o] { return chat(*o); }; });
}

void add_sessions(CLI::App& app, command& chosen) {
    auto o = std::make_shared<sessions_options>();
    auto* sessions = app.add_subcommand("sessions", "Conversations that are kept: list, show, fork, remove");
    sessions->require_subcommand(1);
    auto add = [&](const char* name, const char* help, bool id) {
        auto* c = sessions->add_subcommand(name, help);
        c->add_option("--journals", o->journals,
                      "a file of SQLite or postgresql://...; default: $REAGENT_JOURNALS, else reagent-runs.db")
            ->check(not_empty());
        if (id) c->add_option("ID", o->id, "which session")->required();
        return c;
    };
    auto* c = add("list", "The newest first", false);
    c->add_option("--limit", o->limit, "at most so many")->check(whole_number(1, 1'000'000))->capture_default_str();
    c->add_flag("--json", o->json, "JSON on stdout");
    c->callback([o, &chosen] { chosen = [o] { return list(*o); }; });

    c = add("show", "All turns", true);
    c->add_flag("--json", o->json, "JSON on stdout");
    c->callback([o, &chosen] { chosen = [o] { return show(*o); }; });

    c = add("fork", "A conversation that has lived through the first turns of another", true);
    c->add_option("--turns", o->turns, "how many of them, from 1; default: all")->check(whole_number(1));
    c->add_option("--new-id", o->new_id, "id of the new session; default: a random one")->check(new_id());
    c->callback([o, &chosen] {
        chosen = [o] {
            std::cout << visible_name(open_journals(o->journals, journal_access::existing)
                                          ->fork_session(o->id, o->turns, o->new_id))
                      << "\n";
            return 0;
        };
    });

    c = add("remove", "Forgets a conversation; its runs stay", true);
    c->callback([o, &chosen] {
        chosen = [o] {
            open_journals(o->journals, journal_access::existing)->remove_session(o->id);
            return 0;
        };
    });
}

}  // namespace reagent::cli
