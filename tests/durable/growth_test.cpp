// A journal grows with what is new: requests and trajectories refer to earlier ones, and are put together again as they
// were.
#include "fixture.hpp"

#include <reagent/observe/trace.hpp>

#include <boost/json.hpp>

#include <random>

using namespace reagent;
using namespace reagent::test;
using namespace reagent::literals;

namespace {

// Takes so many steps, fails once, and then finishes.
class long_worker final : public lm_backend {
public:
    long_worker(std::size_t n, bool native) : steps_{n}, native_{native} {}
    std::string name() const override { return "test/long"; }
    task<lm_response> complete(lm_context, const lm_request& q) const override {
        asked.push_back(q.messages);
        lm_response r;
        r.model = "long";
        r.usage = {.calls = 1, .prompt_tokens = 1, .completion_tokens = 1};
        std::string n = std::to_string(taken_);
        bool last = taken_ >= steps_;
        if (last && !std::exchange(failed_, true)) throw lm_error{lm_errc::unavailable, "away"};
        if (q.tools.empty() && q.messages.front().content.find("next_tool_name") == std::string::npos)
            r.text = chat_completion({{"reasoning", "r"}, {"answer", "done"}});
        else if (native_) {
            r.text = "I look at number " + n;
            r.tool_calls = {{"call" + n, last ? "finish" : "look", last ? "{}" : "{\"n\": " + n + "}"}};
            r.finish = finish_reason::tool_calls;
            ++taken_;
        } else {
            json::object args;
            if (!last) args["n"] = taken_;
            r.text = chat_completion({{"next_thought", "I look at number " + n},
                                      {"next_tool_name", last ? "finish" : "look"},
                                      {"next_tool_args", args}});
            ++taken_;
        }
        co_return r;
    }
    mutable std::vector<std::vector<message>> asked;

private:
    std::size_t steps_;
    bool native_;
    mutable std::size_t taken_ = 0;
    mutable bool failed_ = false;
};

struct measured {
    std::size_t bytes = 0, memory = 0;
    stored_run run;
};

// Of a run that fails in its last step and is resumed.
measured journal_of(std::size_t steps, bool native, bool check_all, std::string observed = std::string(150, 'o')) {
    fixture f;
    tools t;
    auto look = [&](int n) { return "number " + std::to_string(n) + " is \xC3\xBC" + observed; };
    t.add("look", "Looks.", look, {"n"}, {.read_only = true, .quick = true});
    react<sig<"question -> answer">> a{
        t, {.max_iters = steps + 10, .mode = native ? react_mode::native : react_mode::prompted}};
    auto model = std::make_shared<long_worker>(steps, native);
    run_options o{language_model{model}};
    o.budget.calls = 10 * steps + 100;
    measured m;
    {
        runtime rt{{.journals = f.store}};
        rt.serve("p", a, o);
        BOOST_TEST((rt.run_durably("p", {{"question", "How long?"}}, "a").status == run_status::failed));
    }
    runtime rt{{.journals = f.store}};
    rt.serve("p", a, o);
    m.run = rt.resume("a");
    BOOST_TEST((m.run.status == run_status::finished), m.run.error);
    auto records = f.store->records("a");
    for (const auto& r : records) m.bytes += to_text(r).size() + 1;
    auto loaded = load_journal(records);
    m.memory = loaded.history->bytes();
    if (!check_all) return m;
    // What was sent is what the journal tells, of every call; also after it was a file.
    auto file = (f.files.path / "j.jsonl").string();
    save_journal(file, *loaded.history);
    auto from_file = replay_from(file);
    for (const auto& history : {loaded.history, std::const_pointer_cast<journal>(from_file)}) {
        std::vector<std::vector<message>> told;
        for (const auto* events : {&history->events(), &history->abandoned()})
            for (const auto& e : *events)
                if (e.request) told.push_back(e.request->whole().messages);
        BOOST_TEST(told.size() == model->asked.size());
        for (const auto& messages : model->asked)
            BOOST_TEST((std::find(told.begin(), told.end(), messages) != told.end()));
    }
    std::size_t longest = 0;
    for (std::size_t i = 0; i < loaded.history->predictor_calls().size(); ++i) {
        auto mine = loaded.history->predictor_calls()[i]->trajectory.str();
        BOOST_TEST(mine == from_file->predictor_calls()[i]->trajectory.str());
        longest = std::max(longest, mine.size());
    }
    BOOST_TEST(longest > steps * 150);
    BOOST_TEST(rt.replay("a").differences.empty());
    return m;
}

std::string random_text(std::mt19937& random, std::size_t most) {
    constexpr const char* parts[]{"a",
                                  "bc",
                                  "\xC3\xBC",
                                  "\xE2\x82\xAC",
                                  "\xF0\x9F\x98\x80",
                                  "[[ ## x ## ]]\n",
                                  "the same words again and again, "};
    std::string text;
    for (auto n = random() % most; n > 0; --n) text += parts[random() % 7];
    return text;
}

lm_request with(std::vector<message> messages) {
    lm_request r;
    r.messages = std::move(messages);
    return r;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_journal_is_as_large_as_what_is_new) {
    for (bool native : {false, true}) {
        auto some = journal_of(50, native, true), more = journal_of(100, native, false),
             most = journal_of(200, native, false);
        // A straight line: what 100 steps add is twice what 50 add. (Numbers grow by a digit; effects and times too.)
        double first = static_cast<double>(more.bytes - some.bytes),
               second = static_cast<double>(most.bytes - more.bytes);
        BOOST_TEST(second < 2.2 * first);
        BOOST_TEST(first / 50 < 2'600);
        BOOST_TEST(most.memory < 2.2 * static_cast<double>(more.memory));
    }
}

BOOST_AUTO_TEST_CASE(text_that_is_no_utf8_does_not_shift_what_refers_to_it) {
    for (bool native : {false, true}) {
        auto m = journal_of(20, native, false, "bad \xff\xfe bytes " + std::string(100, 'x'));
        BOOST_TEST(m.bytes < 60'000u);
    }
}

BOOST_AUTO_TEST_CASE(texts_are_put_together_again) {
    std::mt19937 random{7};
    for (int round = 0; round < 300; ++round) {
        recorded_text chain;
        std::string whole;
        for (int step = 0; step < 20; ++step) {
            std::string before = whole;
            switch (
                random() %
                5) {  // grows at the end, in the middle, loses its beginning, is another one, grows before a fixed end
                case 0: whole += random_text(random, 40); break;
                case 1: whole = random_text(random, 10) + whole; break;
                case 2: {
                    std::size_t at = whole.size() / 3;
                    while (at < whole.size() && (whole[at] & 0xC0) == 0x80) ++at;
                    whole = whole.substr(at) + random_text(random, 40);
                    break;
                }
                case 3: whole = random_text(random, 60); break;
                default: whole = "head " + whole + " tail";
            }
            auto next = recorded_text::after(chain, before, whole);
            BOOST_TEST(next.is(whole, before));
            BOOST_TEST(!next.is(whole + "x", before));
            chain = next.with_key();
            BOOST_TEST(chain.size() == whole.size());
            BOOST_REQUIRE(chain.str() == whole);
            for (const auto& p : chain.pieces())
                BOOST_TEST((p.text.empty() || (p.text[0] & 0xC0) != 0x80));  // no half character
        }
    }
}

BOOST_AUTO_TEST_CASE(a_window_that_slides_over_a_long_text_costs_what_is_new) {
    std::string all;
    for (int i = 0; i < 4000; ++i)
        all += "[[ ## observation_" + std::to_string(i) + " ## ]]\nit is " + std::to_string(i * i) + "\n\n";
    recorded_text chain;
    std::string before;
    std::size_t kept = 0;
    for (int i = 0; i < 100; ++i) {
        std::string whole = "the question\n" + all.substr(static_cast<std::size_t>(i) * 300, 60'000) +
                            "\nanswer now, in the fields that follow, one each";
        chain = recorded_text::after(chain, before, whole);
        kept += chain.kept_bytes();
        before = whole;
    }
    BOOST_TEST(chain.str() == before);
    BOOST_TEST(kept < 60'000u + 100 * 1'500);
}

BOOST_AUTO_TEST_CASE(requests_are_put_together_again) {
    std::mt19937 random{11};
    auto some = [&](role r) {
        message m{r, random_text(random, 80)};
        if (random() % 4 == 0) m.tool_calls = {{"id", "t", "{}", "signed"}};
        if (random() % 7 == 0) m.images = {{"image/png", "\x89PNG", ""}};
        return m;
    };
    for (int round = 0; round < 200; ++round) {
        auto before = with({some(role::system), some(role::user)});
        std::shared_ptr<const recorded_request> last = std::make_shared<const recorded_request>(before, 1);
        for (std::uint64_t step = 2; step < 20; ++step) {
            auto now = before;
            switch (random() % 5) {
                case 0: now.messages.push_back(some(role::assistant)), now.messages.push_back(some(role::tool)); break;
                case 1: now.messages.back().content += random_text(random, 80); break;
                case 2:
                    if (now.messages.size() > 3) now.messages.erase(now.messages.begin() + 1, now.messages.begin() + 3);
                    break;
                case 3: now.tools = {{"t" + std::to_string(random() % 2), "", json::object{}}}; break;
                default: now.messages.insert(now.messages.begin() + 1, some(role::user));
            }
            auto made = std::make_shared<const recorded_request>(now, step, last, before);
            BOOST_REQUIRE((made->whole().messages == now.messages));
            BOOST_TEST(made->whole().tools.size() == now.tools.size());
            BOOST_TEST(made->is(now, &before));
            BOOST_TEST(made->is(now, nullptr));
            auto other = now;
            other.messages.back().content += "!";
            BOOST_TEST(!made->is(other, &before));
            last = made;
            before = now;
        }
    }
}

// Whatever a damaged reference says: an error that names the record's fault, and no more memory than the journal has.
BOOST_AUTO_TEST_CASE(damaged_references_fail_clearly) {
    auto finished = [](const std::string& request, int id) {
        return "{\"record\":\"finished\",\"id\":" + std::to_string(id) +
               ",\"kind\":\"model_call\",\"path\":\"p\",\"request\":" + request + ",\"at\":1}";
    };
    const std::string whole = finished(
        "{\"messages\":[{\"role\":\"user\",\"content\":\"h\xC3\xA9llo\"},{\"role\":\"user\",\"content\":\"b\"}]}", 1);
    for (
        const char* bad : {
            R"({"earlier":9,"messages":[]})",  // no such record
            R"({"earlier":2,"messages":[]})",  // itself
            R"({"earlier":0,"messages":[]})",
            R"({"earlier":-1,"messages":[]})",
            R"({"earlier":1})",
            R"({"earlier":1,"messages":[3]})",
            R"({"earlier":1,"messages":[{"from":0,"count":3}]})",  // beyond its end
            R"({"earlier":1,"messages":[{"from":2,"count":1}]})",
            R"({"earlier":1,"messages":[{"from":0,"count":0}]})",
            R"({"earlier":1,"messages":[{"from":18446744073709551615,"count":2}]})",
            R"({"earlier":1,"messages":[{"from":0,"count":2},{"from":0,"count":2}]})",  // twice: it would double with
                                                                                        // each record
            R"({"earlier":1,"messages":[{"from":1,"count":1},{"from":0,"count":1}]})",
            R"({"earlier":1,"messages":[{"role":"user","of":5,"content":[{"from":0,"bytes":1}]}]})",
            R"({"earlier":1,"messages":[{"role":"user","of":0,"content":"x"}]})",
            R"({"earlier":1,"messages":[{"role":"user","of":0,"content":[{"from":0,"bytes":7}]}]})",
            R"({"earlier":1,"messages":[{"role":"user","of":0,"content":[{"from":0,"bytes":6},{"from":0,"bytes":6}]}]})",
            R"({"earlier":1,"messages":[{"role":"user","of":0,"content":[{"from":3,"bytes":0}]}]})",
            R"({"earlier":1,"messages":[{"role":"user","of":0,"content":[""]}]})",
            R"({"earlier":1,"messages":[{"role":"user","of":0,"content":[7]}]})",
            R"({"earlier":1,"frame":3,"messages":[]})",
        }) {
        journal_reader reader;
        reader.read(whole);
        thrown(run_errc::bad_journal, [&] { reader.read(finished(bad, 2)); });
    }
    journal_reader reader;
    reader.read(whole);
    auto good = reader.read(finished(
        R"({"earlier":1,"messages":[{"role":"user","of":0,"content":[{"from":0,"bytes":3},"!"]},{"from":1,"count":1}]})",
        2));
    BOOST_TEST(std::get<effect_finished>(good.what).what.request->whole().messages.at(0).content == "h\xC3\xA9!");
    // Alone it says what is missing.
    auto alone = journal_record_from_text(to_text(good));
    thrown(run_errc::bad_journal, [&] { std::get<effect_finished>(alone.what).what.request->whole(); });
    BOOST_TEST(to_text(alone) == to_text(good));
    for (const char* bad : {R"({"of":"none","pieces":["x"]})", R"({"of":"none"})", R"({"of":3,"pieces":[]})"}) {
        journal_reader another;
        thrown(run_errc::bad_journal, [&] {
            another.read(std::string{R"({"record":"predictor","path":"p","inputs":{},"outputs":{},"trajectory":)"} +
                         bad + "}");
        });
    }
}

// Letting go of a chain of a million links takes no stack.
BOOST_AUTO_TEST_CASE(a_very_long_chain_is_let_go) {
    recorded_text text = "begin";
    for (int i = 0; i < 300'000; ++i) text = recorded_text::made_of(&text, {{0, text.size(), {}}, {0, 0, "x"}});
    BOOST_TEST(text.size() == 300'005u);
    BOOST_TEST(text.str().size() == 300'005u);
    auto before = with({{role::user, "a"}});
    auto last = std::make_shared<const recorded_request>(before, 1);
    for (std::uint64_t i = 2; i < 200'000; ++i)
        last = std::make_shared<const recorded_request>(before, i, last, before);
    BOOST_TEST(last->whole().messages.size() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_page_of_a_journal_is_a_part_of_it, fixture) {
    auto program = [](run& r, const json::object&) -> task<json::object> {
        for (int i = 0; i < 40; ++i) r.now("clock");
        json::object none;
        co_return none;
    };
    runtime rt{{.journals = store}};
    rt.serve("p", program_function{program}, options());
    rt.run_durably("p", {}, "a");
    auto all = store->records("a");
    BOOST_REQUIRE(all.size() > 40u);
    for (std::size_t bytes : {1u, 300u, 100'000u}) {
        std::vector<std::string> read;
        std::uint64_t after = 0;
        for (;;) {
            auto part = store->page("a", after, bytes);
            if (part.empty()) break;
            if (bytes == 1) BOOST_TEST(part.size() == 1u);
            for (const auto& p : part) {
                BOOST_TEST(p.number == after + 1);
                after = p.number;
                read.push_back(to_text(p.what));
            }
        }
        BOOST_REQUIRE(read.size() == all.size());
        for (std::size_t i = 0; i < all.size(); ++i) BOOST_TEST(read[i] == to_text(all[i]));
    }
    BOOST_TEST(store->page("none", 0, 100).empty());
}
