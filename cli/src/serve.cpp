// `reagent serve`: a program over HTTP.
#include "serve.hpp"

#include "runs.hpp"

#include <reagent/run/consent.hpp>
#include <reagent/serve/server.hpp>

#include <boost/system/system_error.hpp>

#include <cstdlib>
#include <iostream>
#include <sstream>

namespace reagent::cli {
namespace {

struct serve_options : subject_options {
    std::string path, address = "127.0.0.1", keys;
    std::vector<std::string> hosts, origins;
    unsigned short port = 8080;
    std::size_t queue = 256;
    double timeout = 60;
    bool without_keys = false, steps = false;
};

// A line each: NAME KEY [REQUESTS-A-MINUTE]; what begins with # is none.
std::vector<api_key> keys_in(const std::string& text, const std::string& where) {
    std::vector<api_key> keys;
    std::istringstream lines{text};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words{line};
        std::string name, key;
        if (!(words >> name) || name.starts_with('#')) continue;
        if (!(words >> key))
            throw misuse{where + ": \"" + visible_name(name) + "\" has no key; a line is NAME KEY [REQUESTS-A-MINUTE]"};
        api_key k{.name = name, .key = secret{key}};
        if (!(words >> k.per_minute)) k.per_minute = 0;
        keys.push_back(std::move(k));
    }
    if (keys.empty()) throw misuse{where + " holds no key; a line is NAME KEY [REQUESTS-A-MINUTE]"};
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

int serve(const serve_options& o, const cli_program* own) {
    subject s{o, own};
    subject_options unloaded = o;
    unloaded.program.clear();  // the server loads it, and follows its tag
    route_options route{.run = s.prepared(unloaded), .saved = o.program};
    route.saved_models = o.lm.empty();
    route.concurrency = o.concurrency;
    route.queue = o.queue;
    route.deadline = std::chrono::milliseconds{static_cast<std::int64_t>(o.timeout * 1000)};
    if (o.steps) route.steps = shown_steps::all;
    if (own) route.description = own->description;
    auto threads = runtime_options_for();
    threads.threads = static_cast<unsigned>(o.threads);
    runtime rt{std::move(threads)};
    const std::string path = !o.path.empty() ? o.path : "/" + (own ? program_name(*own) : std::string{"program"});
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
                  "file of keys, a line NAME KEY [REQUESTS-A-MINUTE] each; default: $REAGENT_SERVE_KEYS")
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
    c->add_flag("--steps", o->steps, "streams show thoughts, arguments and results of an agent, too");
    c->footer(
        "A GET of / is a page to try it, /openapi.json the description, /metrics for Prometheus. Ctrl-C lets requests "
        "under way end.");
    c->callback([o, &chosen, own] { chosen = [o, own] { return serve(*o, own); }; });
}

}  // namespace reagent::cli
