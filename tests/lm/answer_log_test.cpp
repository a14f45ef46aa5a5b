#include "support/ask.hpp"
#include "support/folder.hpp"

#include <reagent/lm/answer_log.hpp>
#include <reagent/run/runtime.hpp>

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>

using namespace reagent;
using namespace reagent::test;

namespace {

class counting final : public lm_backend {
public:
    std::string name() const override { return "test/counting"; }
    task<lm_response> complete(lm_context, const lm_request& r) const override {
        ++calls;
        if (r.messages.at(0).content == "fail") throw lm_error{lm_errc::server_error, "no"};
        lm_response answer;
        answer.text = "to " + r.messages.at(0).content;
        answer.usage = {1, 10, 5, 0.5};
        co_return answer;
    }
    mutable std::atomic<int> calls = 0;
};

std::string ask_model(const language_model& m, const std::string& text, std::uint64_t rollout = 0) {
    std::string answer;
    with_client([&](http::client& c) -> task<void> {
        lm_request r;
        r.messages.push_back({role::user, text});
        r.rollout_id = rollout;
        lm_context context{c};
        auto response = co_await m.backend()->complete(context, r);
        answer = response.text;
    });
    return answer;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(answers_that_are_kept)

BOOST_AUTO_TEST_CASE(nothing_is_asked_twice_not_even_by_the_next_process) {
    folder f;
    auto model = std::make_shared<counting>();
    language_model lm{model};
    auto file = f.path / "answers.jsonl";
    {
        answer_log log{file};
        auto around = log.around(lm);
        BOOST_TEST((log.around(lm).backend() == around.backend()));
        BOOST_TEST((log.around(around).backend() == around.backend()));
        BOOST_TEST(ask_model(around, "a") == "to a");
        BOOST_TEST(ask_model(around, "a") == "to a");
        BOOST_TEST(ask_model(around, "a", 1) == "to a");
        BOOST_CHECK_THROW(ask_model(around, "fail"), lm_error);
        BOOST_TEST(model->calls == 3);
        BOOST_TEST(log.spent().calls == 2u);
        BOOST_TEST(log.failed() == 1u);
        BOOST_CHECK_EXCEPTION(answer_log{file}, program_error, [](const program_error& e) {
            return std::string{e.what()}.find("another process") != std::string::npos;
        });
    }
    // The crash tore off the last line.
    std::string whole = f.read("answers.jsonl");
    f.write("answers.jsonl", whole.substr(0, whole.size() - 20));
    answer_log log{file};
    auto around = log.around(lm);
    BOOST_TEST(ask_model(around, "a") == "to a");
    BOOST_TEST(model->calls == 3);
    BOOST_TEST(log.spent().calls == 1u);
    BOOST_TEST(*log.spent().cost == 0.5);
    BOOST_TEST(ask_model(around, "a", 1) == "to a");
    BOOST_TEST(model->calls == 4);
    BOOST_TEST(log.asked() == 1u);
    BOOST_TEST(f.read("answers.jsonl").size() == whole.size());
    BOOST_TEST(f.read("answers.jsonl").find("Authorization") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_limit_is_reached_at_the_same_place_with_and_without_a_crash) {
    folder f;
    auto model = std::make_shared<counting>();
    language_model lm{model};
    auto asked_until_limit = [&](const std::filesystem::path& file, spending_limit limit) {
        answer_log log{file, limit};
        auto around = log.around(lm);
        int answered = 0;
        try {
            for (; answered < 100; ++answered) ask_model(around, std::to_string(answered));
        } catch (const run_error&) {
            BOOST_TEST(!log.why_exhausted().empty());
        }
        return answered;
    };
    BOOST_TEST(asked_until_limit({}, {.calls = 7}) == 7);
    BOOST_TEST(asked_until_limit(f.path / "a", {.calls = 4}) == 4);
    BOOST_TEST(asked_until_limit(f.path / "a", {.calls = 7}) == 7);
    BOOST_TEST(model->calls == 14);
    BOOST_TEST(asked_until_limit(f.path / "a", {.calls = 7}) == 7);  // all from the file
    BOOST_TEST(model->calls == 14);
    BOOST_TEST(asked_until_limit({}, {.tokens = 45}) == 3);
    BOOST_TEST(asked_until_limit({}, {.dollars = 2.0}) == 4);
}

BOOST_AUTO_TEST_CASE(the_next_process_may_begin_at_once_whatever_a_child_still_holds) {
    folder f;
    auto file = f.path / "answers.jsonl";
    int both[2];
    BOOST_REQUIRE(::pipe(both) == 0);
    pid_t child = -1;
    {
        answer_log log{file};
        child = ::fork();  // as a tool that starts a program does: until it calls exec it has every descriptor
        if (child == 0) {
            char c;
            ::close(both[1]);
            [[maybe_unused]] auto n = ::read(both[0], &c, 1);
            ::_exit(0);
        }
    }
    BOOST_CHECK_NO_THROW(answer_log{file});
    ::close(both[1]);
    ::close(both[0]);
    ::waitpid(child, nullptr, 0);
}

BOOST_AUTO_TEST_CASE(requests_that_fail_count_against_the_limit) {
    auto model = std::make_shared<counting>();
    answer_log log{{}, {.calls = 5}};
    auto around =
        log.around(retrying(language_model{model}, {.max_attempts = 3, .base = std::chrono::milliseconds{0}}));
    for (int i = 0; i < 10; ++i) BOOST_CHECK_THROW(ask_model(around, "fail", static_cast<std::uint64_t>(i)), error);
    BOOST_TEST(model->calls == 5);
    BOOST_TEST(log.asked() == 5u);
    BOOST_TEST(log.spent().calls == 0u);
    BOOST_TEST(log.why_exhausted().find("5 calls") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_is_told) {
    folder files;
    auto pipe = files.path / "answers.jsonl";
    BOOST_TEST_REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    BOOST_CHECK_EXCEPTION(answer_log{pipe}, program_error, [](const program_error& e) {
        return std::string{e.what()}.find("answers.jsonl\" cannot be read") != std::string::npos;
    });
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_told_and_the_file_stays_whole) {
    folder f;
    auto model = std::make_shared<counting>();
    answer_log log{f.path / "answers"};
    auto around = log.around(language_model{model});
    ask_model(around, "a");
    auto before = f.read("answers");
    rlimit old{};
    ::getrlimit(RLIMIT_FSIZE, &old);
    auto handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit small{before.size() + 10, old.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    BOOST_CHECK_EXCEPTION(ask_model(around, "b"), program_error, [](const program_error& e) {
        return std::string{e.what()}.find("cannot be written") != std::string::npos;
    });
    ::setrlimit(RLIMIT_FSIZE, &old);
    std::signal(SIGXFSZ, handler);
    BOOST_TEST(log.unwritable().find("cannot be written") != std::string::npos);
    BOOST_TEST(f.read("answers") == before);
    BOOST_CHECK_THROW((answer_log{f.path / "no" / "where"}), program_error);
}

BOOST_AUTO_TEST_SUITE_END()
