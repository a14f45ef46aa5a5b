// A server of stored runs in a process of its own, to be killed: served_runs STORE FILE prints its port. Its program
// writes "one" into FILE, waits until FILE.go is there, and writes "two".
#include <reagent/durable/durable_service.hpp>
#include <reagent/reagent.hpp>
#include <reagent/serve/server.hpp>

#include <boost/asio/steady_timer.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>

namespace rg = reagent;

namespace {

struct two_notes : rg::module {
    rg::tools t;

    explicit two_notes(std::string file) {
        auto note = [file](std::string text) {
            std::ofstream{file, std::ios::app} << text << std::endl;
            return "noted";
        };
        auto wait = [go = file + ".go"](std::string) -> rg::task<std::string> {
            boost::asio::steady_timer pause{co_await boost::asio::this_coro::executor};
            while (!std::filesystem::exists(go)) {
                pause.expires_after(std::chrono::milliseconds{5});
                co_await pause.async_wait(boost::asio::use_awaitable);
            }
            co_return "gone";
        };
        t.add("note", "Writes a line.", note, {"text"});
        t.add("wait", "Waits.", wait, {"why"}, {.idempotent = true});
    }

    rg::task<rg::json::object> call(rg::run& r, rg::json::object) const {
        rg::json::value one = rg::json::object{{"text", "one"}}, two = rg::json::object{{"text", "two"}},
                        why = rg::json::object{{"why", "to be killed"}};
        co_await t.call(r, "notes", "note", one);
        co_await t.call(r, "notes", "wait", why);
        co_await t.call(r, "notes", "note", two);
        rg::json::object out;
        out["said"] = "both";
        co_return out;
    }
};

}  // namespace

int main(int, char** argv) {
    rg::runtime runtime;
    auto store = rg::journal_store::open_sqlite(argv[1], {.lease = std::chrono::milliseconds{1000}});
    rg::durable_service runs{runtime, store};
    two_notes program{argv[2]};
    rg::server server{runtime, {.port = 0}};
    auto call = [&](rg::run& r, const rg::json::object& in) { return program.call(r, in); };
    server.add("/notes", rg::served(program, call, rg::parse_signature("about -> said")), {.durable = &runs});
    std::cout << server.port() << std::endl;
    server.run();
}
