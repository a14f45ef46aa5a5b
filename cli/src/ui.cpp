// `reagent ui`: the trace page, live. For this machine's own user only: it listens on loopback, and wants a token.
#include "run_pages.hpp"
#include "runs.hpp"
#include "trace_page.hpp"
#include "visitors.hpp"

#include <reagent/observe/trace.hpp>
#include <reagent/run/consent.hpp>
#include <reagent/schema/render.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/json.hpp>
#include <boost/url.hpp>

#include <charconv>
#include <iostream>
#include <random>

namespace reagent::cli {
namespace {

namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using tcp = asio::ip::tcp;
using request = bhttp::request<bhttp::empty_body>;
using response = bhttp::response<bhttp::string_body>;

struct ui_options {
    std::string journals, token;
    unsigned short port = 7700;
};

constexpr std::size_t most_connections = 64, most_runs = 200;

std::string random_token() {
    std::random_device device;
    std::string token;
    for (int i = 0; i < 32; ++i) token += "abcdefghijklmnopqrstuvwxyz012345"[device() % 32];
    return token;
}

// The time that a comparison takes tells nothing of where the texts differ.
bool equal_in_constant_time(std::string_view a, std::string_view b) {
    unsigned char differ = a.size() != b.size();
    for (std::size_t i = 0; i < a.size(); ++i)
        differ = static_cast<unsigned char>(differ | (a[i] ^ (b.empty() ? 'x' : b[i % b.size()])));
    return differ == 0;
}

class server {
public:
    server(asio::io_context& context, std::shared_ptr<journal_store> store, std::string token, unsigned short port)
        : context_{context},
          acceptor_{context, tcp::endpoint{asio::ip::address_v4::loopback(), port}},
          store_{std::move(store)},
          token_{std::move(token)} {}

    unsigned short port() const { return acceptor_.local_endpoint().port(); }

    task<void> run() {
        for (;;) {
            boost::system::error_code ec;
            tcp::socket socket = co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, ec));
            if (ec) {  // no descriptors, mostly: others will be closed
                asio::steady_timer pause{context_, std::chrono::milliseconds{50}};
                co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, ec));
                continue;
            }
            if (!visitors_->make_room(most_connections)) continue;  // closes it
            asio::co_spawn(context_, serve(std::move(socket)), asio::detached);
        }
    }

private:
    template <class F>
    auto in_background(F work) -> task<decltype(work())> {
        using T = decltype(work());
        auto result = std::make_shared<std::optional<T>>();
        auto failure = std::make_shared<std::exception_ptr>();
        asio::steady_timer done{context_, clock::time_point::max()};
        asio::post(pool_, [&done, result, failure, work, this] {
            try {
                result->emplace(work());
            } catch (...) {
                *failure = std::current_exception();
            }
            asio::post(context_, [&done] { done.cancel(); });
        });
        boost::system::error_code ec;
        co_await done.async_wait(asio::redirect_error(asio::use_awaitable, ec));
        if (*failure) std::rethrow_exception(*failure);
        co_return std::move(**result);
    }

    task<void> serve(tcp::socket socket) {
        beast::tcp_stream stream{std::move(socket)};
        visitors::place place{visitors_, stream};
        beast::flat_buffer buffer{64 * 1024};
        try {
            for (;;) {
                stream.expires_after(std::chrono::seconds{60});
                bhttp::request_parser<bhttp::empty_body> head;
                place.waits();
                co_await bhttp::async_read_header(stream, buffer, head, asio::use_awaitable);
                place.is_served();
                const request& in = head.get();
                auto target = boost::urls::parse_origin_form(std::string_view{in.target().data(), in.target().size()});
                if (target && allowed(in, *target) && std::string_view{target->path()} == "/api/events") {
                    co_await tell(stream);
                    co_return;
                }
                response out = co_await answer(in);
                // A body is not read: what follows it, or what another takes for one, is no request.
                bool last = out.need_eof() || !in.keep_alive() || !head.is_done() || in.count("Transfer-Encoding") > 0;
                co_await bhttp::async_write(stream, out, asio::use_awaitable);
                if (last) break;
            }
        } catch (...) {  // the browser went away, mostly; whatever it is ends this connection only
        }
    }

    static std::string parameter(const boost::urls::url_view& target, std::string_view name) {
        for (auto p : target.params())
            if (p.key == name) return std::string{p.value};
        return {};
    }

    bool allowed(const request& in, const boost::urls::url_view& target) const {
        // Only by its own address: a page from elsewhere whose name was made to point here gets nothing.
        std::string port = ":" + std::to_string(acceptor_.local_endpoint().port());
        std::string_view host{in[bhttp::field::host].data(), in[bhttp::field::host].size()};
        if (host != "127.0.0.1" + port && host != "localhost" + port) return false;
        std::string given = parameter(target, "token");
        std::string_view header{in[bhttp::field::authorization].data(), in[bhttp::field::authorization].size()};
        if (given.empty() && header.starts_with("Bearer ")) given = header.substr(7);
        return equal_in_constant_time(given, token_);
    }

    static response reply(const request& in, bhttp::status status, std::string type, std::string body) {
        response r{status, in.version()};
        r.set(bhttp::field::content_type, type);
        r.set(bhttp::field::cache_control, "no-store");
        r.set("X-Content-Type-Options", "nosniff");
        r.set("X-Frame-Options", "DENY");
        r.set("Referrer-Policy", "no-referrer");
        r.keep_alive(in.keep_alive());
        r.body() = std::move(body);
        r.prepare_payload();
        return r;
    }

    task<response> answer(const request& in) {
        auto target = boost::urls::parse_origin_form(std::string_view{in.target().data(), in.target().size()});
        const std::string plain = "text/plain; charset=utf-8";
        if (!target) co_return reply(in, bhttp::status::bad_request, plain, "this is no address\n");
        if (in.method() != bhttp::verb::get)
            co_return reply(in, bhttp::status::method_not_allowed, plain, "only GET\n");
        if (!allowed(in, *target))
            co_return reply(in, bhttp::status::forbidden, plain,
                            "the address needs the token that `reagent ui` printed, as ?token=...\n");
        std::string path{target->path()};
        std::string problem;
        bhttp::status status = bhttp::status::internal_server_error;
        try {
            if (path == "/") {
                json::value page = json::object{{"live", true}, {"runs", json::array{}}};
                co_return reply(in, bhttp::status::ok, "text/html; charset=utf-8", trace_page(page));
            }
            if (path == "/api/runs") {
                std::string list = co_await in_background([this] { return runs(); });
                co_return reply(in, bhttp::status::ok, "application/json", std::move(list));
            }
            if (path == "/api/run") {
                std::string id = id_in(*target);
                std::size_t from = number_in(*target, "from");
                auto named = [this, id, from] {
                    return pages_.page(id, from);
                };  // a name: g++ 12 frees such a temporary of a co_await twice
                std::string body = co_await in_background(named);
                co_return reply(in, bhttp::status::ok, "application/json", std::move(body));
            }
            if (path == "/api/content" || path == "/api/search") {
                std::string id = id_in(*target), text = parameter(*target, "q");
                std::uint64_t record = number_in(*target, "record");
                bool search = path == "/api/search";
                auto found = [=, this] { return search ? pages_.search(id, text) : pages_.content(id, record); };
                std::string body = co_await in_background(found);
                co_return reply(in, bhttp::status::ok, "application/json", std::move(body));
            }
            if (path == "/metrics") {
                std::string body = co_await in_background([this] { return metrics(); });
                co_return reply(in, bhttp::status::ok, "text/plain; version=0.0.4; charset=utf-8", std::move(body));
            }
            status = bhttp::status::not_found;
            problem = "there is nothing here";
        } catch (const misuse& e) {
            status = bhttp::status::bad_request;
            problem = e.what();
        } catch (const error& e) {
            if (e.code() == run_errc::unknown_run) status = bhttp::status::not_found;
            problem = e.what();
        } catch (const std::exception& e) {
            problem = e.what();
        }
        co_return reply(in, status, plain, visible(problem) + "\n");
    }

    std::string runs() {
        json::array rows;
        for (const auto& r : store_->list({.most = most_runs}))
            rows.push_back(json::object{
                {"id", r.id}, {"program", r.program}, {"status", to_string(r.status)}, {"records", r.records}});
        return dump_strict_json(rows);
    }

    static std::string id_in(const boost::urls::url_view& target) {
        std::string id = parameter(target, "id");
        if (id.empty()) throw misuse{"`id` is missing: which run?"};
        boost::system::error_code ec;
        json::parse(json::serialize(json::value(json::string(id))), ec);
        if (ec || id.find('\0') != id.npos) throw misuse{"`id` is no name of a run: it holds what is no text"};
        return id;
    }

    static std::uint64_t number_in(const boost::urls::url_view& target, std::string_view name) {
        std::string text = parameter(target, name);
        std::uint64_t n = 0;
        auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), n);
        if (!text.empty() && (ec != std::errc{} || end != text.data() + text.size()))
            throw misuse{"`" + std::string{name} + "` is a number from 0, not \"" + shortened(visible(text), 40) +
                         "\""};
        return n;
    }

    // Source: Prometheus documentation, "Text-based format", version 0.0.4.
    std::string metrics() {
        std::map<std::pair<std::string, std::string>, std::size_t> by_status;
        std::map<std::string, usage> used;
        for (const auto& t : store_->totals()) {
            by_status[{t.program, std::string{to_string(t.status)}}] = t.runs;
            used[t.program] += t.usage;
        }
        auto label = [](std::string_view text) {
            std::string out;
            for (char c : text) out += c == '\\' ? "\\\\" : c == '"' ? "\\\"" : c == '\n' ? "\\n" : std::string(1, c);
            return "\"" + out + "\"";
        };
        std::string out = "# HELP reagent_runs Durable runs by program and status.\n# TYPE reagent_runs gauge\n";
        for (const auto& [key, n] : by_status)
            out += "reagent_runs{program=" + label(key.first) + ",status=" + label(key.second) + "} " +
                   std::to_string(n) + "\n";
        auto counter = [&](const char* name, const char* help, auto value) {
            out += std::string{"# HELP "} + name + " " + help + "\n# TYPE " + name + " counter\n";
            for (const auto& [program, u] : used)
                out += std::string{name} + "{program=" + label(program) + "} " + value(u) + "\n";
        };
        counter("reagent_model_calls_total", "Model calls of runs, as of their last halt.",
                [](const usage& u) { return std::to_string(u.calls); });
        counter("reagent_prompt_tokens_total", "Prompt tokens of those calls.",
                [](const usage& u) { return std::to_string(u.prompt_tokens); });
        counter("reagent_completion_tokens_total", "Completion tokens of those calls.",
                [](const usage& u) { return std::to_string(u.completion_tokens); });
        counter("reagent_estimated_tokens_total", "Of prompt and completion tokens, those that no server counted.",
                [](const usage& u) { return std::to_string(u.estimated_tokens); });
        counter("reagent_cost_dollars_total", "US dollars, where prices are known.",
                [](const usage& u) { return std::to_string(u.cost.value_or(0)); });
        return out;
    }

    // Server-sent events: the list of runs, whenever something in it changes.
    task<void> tell(beast::tcp_stream& stream) {
        std::string head =
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: "
            "close\r\nX-Content-Type-Options: "
            "nosniff\r\n\r\n";
        stream.expires_never();
        co_await asio::async_write(stream, asio::buffer(head), asio::use_awaitable);
        std::string before;
        asio::steady_timer pause{context_};
        for (int quiet = 0;; ++quiet) {
            std::string now = co_await in_background([this] { return runs(); });
            std::string piece;
            if (now != before) {
                piece = "event: runs\ndata: " + now + "\n\n";
                before = std::move(now);
            } else if (quiet % 30 == 29)
                piece = ": still here\n\n";
            if (!piece.empty()) {
                stream.expires_after(std::chrono::seconds{30});
                co_await asio::async_write(stream, asio::buffer(piece), asio::use_awaitable);
            }
            pause.expires_after(std::chrono::milliseconds{500});
            co_await pause.async_wait(asio::use_awaitable);
        }
    }

    asio::io_context& context_;
    tcp::acceptor acceptor_;
    std::shared_ptr<journal_store> store_;
    run_pages pages_{store_};
    std::string token_;
    std::shared_ptr<visitors> visitors_ =
        std::make_shared<visitors>();  // shared: connections may outlive the server by a moment
    asio::thread_pool pool_{2};
};

int ui(const ui_options& o) {
    auto store = open_journals(o.journals);
    asio::io_context context;
    std::string token = o.token.empty() ? random_token() : o.token;
    std::unique_ptr<server> s;
    try {
        s = std::make_unique<server>(context, store, token, o.port);
    } catch (const boost::system::system_error& e) {
        throw std::runtime_error{"port " + std::to_string(o.port) + " cannot be listened on: " + e.code().message() +
                                 "; choose another with --port, 0 for any"};
    }
    asio::signal_set signals{context, SIGINT, SIGTERM};
    signals.async_wait([&](auto, int) { context.stop(); });
    std::cout << "http://127.0.0.1:" << s->port() << "/?token=" << token << std::endl;
    std::cerr << "Ctrl-C ends it. The address is for you alone: who has it reads every prompt and result.\n";
    asio::co_spawn(context, s->run(), asio::detached);
    for (bool more = true; more;) try {
            context.run();
            more = false;
        } catch (const std::exception& e) {  // of one connection: the others go on
            std::cerr << "reagent: the page goes on after: " << visible(e.what()) << "\n";
        }
    return 0;
}

}  // namespace

void add_ui(CLI::App& app, command& chosen) {
    auto o = std::make_shared<ui_options>();
    auto* c = app.add_subcommand("ui", "Shows durable runs in the browser while they go on; on this machine only");
    c->add_option("--journals", o->journals,
                  "a file of SQLite or postgresql://...; default: $REAGENT_JOURNALS, else reagent-runs.db")
        ->check(not_empty());
    c->add_option("--port", o->port, "port on 127.0.0.1; 0: any that is free")
        ->check(whole_number(0, 65'535))
        ->capture_default_str();
    c->add_option("--token", o->token, "what the address must hold; default: a random one")
        ->check([](const std::string& t) {
            return t.size() < 16 ? std::string{"a token has at least 16 characters"} : std::string{};
        });
    c->footer("Prometheus finds its metrics at /metrics, with `authorization: {credentials: TOKEN}`.");
    c->callback([o, &chosen] { chosen = [o] { return ui(*o); }; });
}

}  // namespace reagent::cli
