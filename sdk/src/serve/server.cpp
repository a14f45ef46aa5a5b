#include "server_impl.hpp"

#include "problem.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>

namespace reagent {
namespace {

std::vector<secret> keys_of(const server_options& o) {
    std::vector<secret> all;
    for (const auto& k : o.keys) all.push_back(k.key);
    return all;
}

asio::ip::tcp::acceptor listener(asio::io_context& context, const server_options& o) {
    asio::ip::tcp::endpoint at{asio::ip::make_address(o.address), o.port};
    asio::ip::tcp::acceptor acceptor{context, at.protocol()};
    acceptor.set_option(asio::socket_base::reuse_address{true});
    acceptor.bind(at);
    acceptor.listen(4096);
    return acceptor;
}

}  // namespace

server::impl::impl(runtime& r, server_options o)
    : rt{r}, options{std::move(o)}, access{options}, keys{keys_of(options)} {
    acceptor = listener(context, options);
    const auto& l = options.limits;
    by = std::make_shared<detail::route_context>(
        detail::route_context{rt, context.get_executor(), blocking.get_executor(), options,
                              detail::kept_answers{l.kept_answers, l.kept_time}});
    clients = std::make_shared<detail::connections>(detail::connections{*this, options.limits});
    add_own_routes();
    add_models();
}

server::impl::~impl() {
    if (thread.joinable()) thread.join();
    blocking.join();
}

detail::program_route& server::impl::program_at(const std::string& path) const {
    for (const auto& p : programs)
        if (p->path() == path) return *p;
    throw std::invalid_argument{"there is no program at " + path};
}

const detail::program_route* server::impl::program_named(std::string_view name) const {
    for (const auto& p : programs)
        if (p->name() == name) return p.get();
    return nullptr;
}

detail::router::route& server::impl::handle(const std::string& method, const std::string& pattern,
                                            http_handler handler) {
    if (used) throw std::logic_error{"the server runs already: add everything before"};
    return routes.add(method, pattern, std::move(handler));
}

server::server(runtime& rt, server_options options) : impl_{std::make_shared<impl>(rt, std::move(options))} {}

server::~server() {
    asio::post(impl_->context, [s = impl_.get()] {
        s->begin_to_stop();
        s->end_now();
    });
    if (impl_->thread.joinable())
        impl_->thread.join();
    else if (!impl_->used.exchange(true))
        impl_->acceptor.close();
    impl_->context.restart();
    impl_->work();  // what was under way comes to its end
}

void server::add(std::string path, served_program program, route_options options) {
    auto made = std::make_unique<detail::program_route>(impl_->by, path, std::move(program), std::move(options));
    if (impl_->program_named(made->name()))
        throw std::invalid_argument{"there are two programs named \"" + made->name() + "\""};
    auto* route = made.get();
    impl_->programs.push_back(std::move(made));
    if (route->options().durable) return impl_->add_durable(*route);
    impl_->handle("POST", path, [route](std::shared_ptr<http_request> r) { return route->post(std::move(r)); });
}

void server::handle(std::string method, std::string pattern, http_handler handler) {
    impl_->handle(method, pattern, std::move(handler));
}

void server::run() { impl_->serve(true); }

void server::start() {
    auto* s = impl_.get();
    s->begin_all();
    s->thread = std::thread{[s] { s->work(); }};
}

void server::stop() {
    asio::post(impl_->context, [s = impl_] { s->begin_to_stop(); });
}

unsigned short server::port() const { return impl_->acceptor.local_endpoint().port(); }

std::string server::url() const {
    const auto at = impl_->acceptor.local_endpoint().address();
    std::string host = at.is_unspecified() ? "127.0.0.1" : at.to_string();
    if (host.find(':') != host.npos) host = "[" + host + "]";
    return "http://" + host + ":" + std::to_string(port());
}

void server::answer_by(const std::string& version, const std::string& route, json::object input,
                       std::function<void(const versioned_answer&)> done) {
    impl_->program_at(route).answer_by(version, std::move(input), std::move(done));
}

}  // namespace reagent
