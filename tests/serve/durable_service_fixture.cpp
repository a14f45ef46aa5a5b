#include "durable_service_fixture.hpp"

namespace reagent::test {

durable_desk::durable_desk() {
    auto refund = [this](std::string order, int amount) {
        std::lock_guard lock{mutex};
        refunds.push_back(order + " " + std::to_string(amount));
        return "paid";
    };
    t.add("refund", "Pays money back.", refund, {"order", "amount"}, {.destructive = true});
}

task<json::object> durable_desk::call(run& r, json::object in) const {
    json::value arguments = json::object{{"order", in.at("order")}, {"amount", in.at("amount")}};
    auto o = co_await t.call(r, "desk", "refund", arguments);
    json::object out;
    out["said"] = o.text();
    co_return out;
}

std::vector<std::string> durable_desk::done() const {
    std::lock_guard lock{mutex};
    return refunds;
}

served_program served_desk(const durable_desk& d) {
    return served(
        d, [&d](run& r, const json::object& in) { return d.call(r, in); },
        parse_signature("order, amount: int -> said"));
}

std::string as(const std::string& who) { return "X-API-Key: " + who + "-key-0123456789\r\n"; }

server_options stored_service::with_desk_keys() {
    server_options o;
    for (const char* name : {"clerk", "other", "boss"})
        o.keys.push_back({.name = name, .key = secret{std::string{name} + "-key-0123456789"}});
    o.keys.back().decides = true;
    return o;
}

stored_service::stored_service(const std::filesystem::path& file, server_options options)
    : store{journal_store::open_sqlite(file.string(), {.lease = std::chrono::milliseconds{1500}})},
      lm{scripted::function{[](const lm_request& q) {
          return scripted_answer{{{"reply", "answer " + std::to_string(q.messages.size())}}};
      }}},
      on{std::move(options), store} {
    on.server.add("/refund", served_desk(desk), {.run = lm, .durable = &*on.runs});
    on.server.add("/chat", chat, {.run = lm, .durable = &*on.runs, .durable_wait = std::chrono::seconds{20}});
    on.server.add("/slow", served_gate(on.slow), {.run = lm, .durable = &*on.runs});
    on.server.start();
}

stored_service::~stored_service() { on.slow.open(); }

raw_reply stored_service::begin(const std::string& body, const std::string& headers) {
    return client().post("/refund", body, as("clerk") + headers);
}
raw_reply stored_service::get(const std::string& path, const std::string& headers, const std::string& who) {
    return client().get(path, as(who) + headers);
}
raw_reply stored_service::post(const std::string& path, const std::string& body, const std::string& who,
                               const std::string& headers) {
    return client().post(path, body, as(who) + headers);
}

json::object stored_service::run_once(const std::string& id, const std::string& status) {
    raw_reply r;
    for (auto end = clock::now() + std::chrono::seconds{15}; clock::now() < end;) {
        r = get("/runs/" + id, {}, "boss");
        if (r.status == 200 && r.json().at("status").as_string() == status) return r.json().as_object();
        std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    BOOST_FAIL("run " << id << " is not " << status << " but " << r.status << " " << r.body);
    return {};
}

}  // namespace reagent::test
