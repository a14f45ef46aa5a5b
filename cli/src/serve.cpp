// `reagent serve`: a program over HTTP.
#include "serve.hpp"

#include "runs.hpp"

#include <reagent/durable/durable_service.hpp>
#include <reagent/run/consent.hpp>
#include <reagent/serve/server.hpp>

#include <boost/system/system_error.hpp>

#include <cmath>
#include <cstdlib>
#include <iostream>
#include <sstream>

namespace reagent::cli {
namespace {

struct serve_options : subject_options {
    std::string path, address = "127.0.0.1", keys, store;
    std::vector<std::string> hosts, origins;
    unsigned short port = 8080;
    std::size_t queue = 256;
    double timeout = 60;
    bool without_keys = false, steps = false, durable = false;
};

constexpr const char* key_line = "a line is NAME KEY [REQUESTS-A-MINUTE] [decides]";

// What stands behind a key. @return whether it is understood
bool read_right(const std::string& word, api_key& k) {
    if (word == "decides") return k.decides = true;
    char* end = nullptr;
    k.per_minute = std::strtod(word.c_str(), &end);
    return *end == '\0' && k.per_minute > 0 && std::isfinite(k.per_minute);
}

// A line each; what begins with # is none.
std::vector<api_key> keys_in(const std::string& text, const std::string& where) {
    std::vector<api_key> keys;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        std::string name, key;
        if (!(words >> name) || name.starts_with('#')) continue;
        if (!(words >> key)) throw misuse{where + ": \"" + visible_name(name) + "\" has no key; " + key_line};
        api_key k{.name = name, .key = secret{key}};
        for (std::string word; words >> word;)
            if (!read_right(word, k))
                throw misuse{where + ": what stands behind the key of \"" + visible_name(name) +
                             "\" is not understood; " + key_line};
        keys.push_back(std::move(k));
    }
    if (keys.empty()) throw misuse{where + " holds no key; " + key_line};
    return keys;
}

server_options options_of(const serve_options& o) {
    server_options s;
    s.address = o.address;
    s.port = o.port;
    s.hosts = o.hosts;
    s.origins = o.origins;
    s.without_keys = o.without_keys;
    if (!o.keys.empty())
        s.keys = keys_in(text_of(o.keys), o.keys);
    else if (const char* given = std::getenv("REAGENT_SERVE_KEYS"); given && *given)
        s.keys = keys_in(given, "$REAGENT_SERVE_KEYS");
    s.on_notice = [](const std::string& text) { complain(text); };
    if (!o.quiet) s.on_access = [](const access_record& r) { std::cerr << to_string(r) << std::endl; };
    return s;
}

// A program of one's own says the names of its fields; their types are those of the predictors that have them.
signature signature_of(const cli_program& own) {
    signature s;
    auto all = predictors_of(own.root);
    auto add = [&](std::vector<signature_field>& to, const std::string& name) {
        for (const auto* p : all)
            for (const auto* f : {p->signature().input(name), p->signature().output(name)})
                if (f) return void(to.push_back(*f));
        to.push_back(make_field(name, "Any", schema{}));
    };
    for (const auto& name : own.inputs) add(s.inputs, name);
    for (const auto& name : own.outputs) add(s.outputs, name);
    return s;
}

served_program served_of(const serve_options& o, const subject& s, const cli_program* own) {
    if (own && own->inputs.empty()) return served_by_predictors(s.root(), s.call());
    if (own) return served(s.root(), s.call(), signature_of(*own));
    return served(s.root(), s.call(), parse_signature(o.signature));
}

std::shared_ptr<journal_store> store_of(const serve_options& o) {
    if (o.store.empty()) {
        if (o.durable) throw misuse{"--durable wants --store, where the runs are kept"};
        return {};
    }
    return open_journals(o.store, journal_access::create);
}

route_options route_of(const serve_options& o, const subject& s, const cli_program* own) {
    subject_options unloaded = o;
    unloaded.program.clear();  // the server loads it, and follows its tag
    route_options route{.run = s.prepared(unloaded), .saved = o.program};
    route.saved_models = o.lm.empty();
    route.concurrency = o.concurrency;
    route.queue = o.queue;
    route.deadline = std::chrono::milliseconds{static_cast<std::int64_t>(o.timeout * 1000)};
    if (o.steps) route.steps = shown_steps::all;
    if (own) route.description = own->description;
    if (!o.durable) route.durable_wait = route.deadline;
    return route;
}

int serve(const serve_options& o, const cli_program* own) {
    subject s{o, own};
    auto route = route_of(o, s, own);
    auto store = store_of(o);
    auto threads = runtime_options_for(store);
    threads.threads = static_cast<unsigned>(o.threads);
    runtime rt{std::move(threads)};
    std::optional<durable_service> runs;
    if (store) route.durable = &runs.emplace(rt, store);
    const std::string path = !o.path.empty() ? o.path : "/" + (own ? program_name(*own) : std::string{"program"});
    if (store && !own && path.substr(1) == ask_program)  // `reagent runs work` would take its runs for those of `ask`
        throw misuse{"runs of `reagent ask` are stored under the name \"" + std::string{ask_program} +
                     "\": with --store choose another --path"};
    std::unique_ptr<server> made;
    try {
        made = std::make_unique<server>(rt, options_of(o));
        made->add(path, served_of(o, s, own), std::move(route));
    } catch (const boost::system::system_error& e) {
        throw std::runtime_error{o.address + ":" + std::to_string(o.port) + " cannot be listened on: " +
                                 e.code().message() + "; choose another with --port, 0 for any"};
    } catch (const std::invalid_argument& e) {
        throw misuse{e.what()};
    }
    std::cout << made->url() << path << std::endl;
    made->run();
    return 0;
}

}  // namespace

void add_serve(CLI::App& app, command& chosen, const cli_program* own) {
    auto o = std::make_shared<serve_options>();
    o->concurrency = route_options{}.concurrency;
    auto* c = app.add_subcommand(
        "serve", "Answers requests over HTTP with a program; also as a model for OpenAI clients, at /v1");
    add_subject_options(*c, *o, own);
    c->add_option("--path", o->path, "where the program answers; default: / and its name")->check(not_empty());
    c->add_option("--port", o->port, "0: any that is free")->check(whole_number(0, 65'535))->capture_default_str();
    c->add_option("--address", o->address, "to listen on; any other than loopback wants --keys")
        ->check(not_empty())
        ->capture_default_str();
    c->add_option("--keys", o->keys,
                  "file of keys, a line NAME KEY [REQUESTS-A-MINUTE] [decides] each; default: $REAGENT_SERVE_KEYS")
        ->check(not_empty());
    c->add_flag("--without-keys", o->without_keys, "whoever reaches the address may ask");
    c->add_option("--host", o->hosts, "name by which clients call this server, besides addresses and localhost");
    c->add_option("--origin", o->origins, "pages that may ask, as https://app.example");
    c->add_option("--concurrency", o->concurrency, "runs at work")
        ->check(whole_number(1, 10'000))
        ->capture_default_str();
    c->add_option("--queue", o->queue, "requests that wait for one; beyond: 503")
        ->check(whole_number(0, 1'000'000))
        ->capture_default_str();
    c->add_option("--threads", o->threads, "threads that run them")->check(whole_number(1, 256));
    c->add_option("--timeout", o->timeout, "seconds for an answer; beyond: 504")
        ->check(number(0.001, 86'400))
        ->capture_default_str();
    c->add_option("--store", o->store,
                  "keep runs and conversations (X-Session-Id) there, a file of SQLite or postgresql://...; what is "
                  "under way goes on after a restart. Keys that decide approve calls at /runs/ID")
        ->check(not_empty());
    c->add_flag("--durable", o->durable,
                "answer 202 and the run's place at once; without it its end is waited for, up to --timeout");
    c->add_flag("--steps", o->steps, "streams show thoughts, arguments and results of an agent, too");
    c->footer(
        "A GET of / is a page to try it, /openapi.json the description, /metrics for Prometheus. Ctrl-C lets requests "
        "under way end.");
    c->callback([o, &chosen, own] { chosen = [o, own] { return serve(*o, own); }; });
}

}  // namespace reagent::cli
