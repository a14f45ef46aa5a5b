#include "../../base/pool.hpp"
#include "answer_file.hpp"
#include "common.hpp"

#include <reagent/error.hpp>
#include <reagent/schema/repair.hpp>

#include <boost/json.hpp>

#include <list>
#include <unordered_map>

namespace reagent {
namespace decorators {

[[gnu::weak]] std::unique_ptr<answer_file> open_answer_file(
    const cache_options& options);  // null in a program that does not link it

}  // namespace decorators
namespace {

using namespace decorators;
using answer = std::shared_ptr<const lm_response>;

// The answers that were used last.
class memory {
public:
    explicit memory(std::size_t max_bytes) : max_{max_bytes} {}

    answer find(const std::string& key, clock::time_point oldest) {
        auto found = places_.find(key);
        if (found == places_.end()) return nullptr;
        if (found->second->made < oldest) {
            drop(found->second);
            return nullptr;
        }
        order_.splice(order_.begin(), order_, found->second);
        return found->second->value;
    }

    void store(const std::string& key, answer value, clock::time_point made = clock::now()) {
        if (auto found = places_.find(key); found != places_.end()) drop(found->second);
        std::size_t bytes = 512 + value->text.size() + value->reasoning.size();
        for (const auto& c : value->tool_calls) bytes += 128 + c.arguments.size();
        for (const auto& a : value->alternatives) bytes += 64 + a.size();
        for (const auto& b : value->reasoning_blocks) bytes += 64 + json::serialize(b).size();
        if (bytes > max_) return;
        order_.push_front({key, std::move(value), bytes, made});
        places_[key] = order_.begin();
        bytes_ += bytes;
        while (bytes_ > max_) drop(std::prev(order_.end()));
    }

private:
    struct entry {
        std::string key;
        answer value;
        std::size_t bytes;
        clock::time_point made;
    };

    void drop(std::list<entry>::iterator e) {
        bytes_ -= e->bytes;
        places_.erase(e->key);
        order_.erase(e);
    }

    std::size_t max_, bytes_ = 0;
    std::list<entry> order_;
    std::unordered_map<std::string, std::list<entry>::iterator> places_;
};

// A request that is under way, and those who wait for its answer.
struct flight {
    answer value;
    std::exception_ptr failure;
    bool landed = false;
    std::vector<std::shared_ptr<asio::steady_timer>> waiting;
};

class cache final : public around {
public:
    cache(language_model inner, const cache_options& o)
        : around{std::move(inner)}, state_{std::make_shared<state>(o)} {}

    task<lm_response> complete(lm_context context, const lm_request& request) const override {
        std::string key = digest_of(identity(), request);
        for (;;) {
            std::shared_ptr<flight> joined;
            if (auto known = state_->look(key)) co_return hit(*known);
            joined = state_->join(key);
            if (!joined) break;  // nobody else asks: this call does
            auto value = co_await wait_for(joined, context.deadline);
            if (value) co_return hit(*value);
            if (joined->failure) std::rethrow_exception(joined->failure);
            // The one who asked was cancelled: somebody else has to.
        }
        take_off mine{state_, key};
        if (auto known = co_await from_file(context, key)) {
            mine.land(known->value, nullptr, known->made);
            co_return hit(*known->value);
        }
        std::exception_ptr failure;
        answer fresh;
        try {
            lm_response r = co_await inner().complete(context, request);
            fresh = std::make_shared<const lm_response>(std::move(r));
        } catch (const error&) {
            failure = std::current_exception();
        }
        mine.land(fresh, failure);
        if (failure) std::rethrow_exception(failure);
        co_await to_file(context, key, fresh);
        co_return *fresh;
    }

    task<std::unique_ptr<lm_stream>> stream(lm_context context, const lm_request& request) const override {
        std::string key = digest_of(identity(), request);
        auto known = state_->look(key);
        if (!known)
            if (auto old = co_await from_file(context, key)) {
                known = old->value;
                state_->keep(key, known, old->made);
            }
        if (known) co_return stream_of(hit(*known));
        auto s = co_await inner().stream(context, request);
        co_return watched(
            std::move(s), [state = state_, key, pool = context.blocking](const lm_response* r, std::exception_ptr) {
                if (!r) return;
                auto fresh = std::make_shared<const lm_response>(*r);
                state->keep(key, fresh);
                if (!state->file || !is_whole(*fresh)) return;
                auto store = [state, key, text = json::serialize(to_json(*fresh))] { state->file->store(key, text); };
                if (pool)
                    asio::post(pool, std::move(store));
                else
                    store();
            });
    }

private:
    struct state {
        explicit state(const cache_options& o) : options{o}, recent{o.max_memory_bytes} {
            if (o.file.empty()) return;
            if (!open_answer_file)
                throw lm_error{
                    lm_errc::unavailable,
                    "a cache's file is not in this program: link reagent::durable, which has SQLite, or leave "
                    "cache_options::file empty to keep answers in memory"};
            file = open_answer_file(o);
        }

        answer look(const std::string& key) {
            std::lock_guard lock{mutex};
            auto oldest = options.max_age.count() > 0 ? clock::now() - options.max_age : clock::time_point::min();
            return recent.find(key, oldest);
        }
        void keep(const std::string& key, answer value, clock::time_point made = clock::now()) {
            if (!is_whole(*value)) return;
            std::lock_guard lock{mutex};
            recent.store(key, std::move(value), made);
        }
        // The flight that somebody else has begun; null when the caller is to begin it.
        std::shared_ptr<flight> join(const std::string& key) {
            std::lock_guard lock{mutex};
            auto& f = flights[key];
            if (f) return f;
            f = std::make_shared<flight>();
            return nullptr;
        }
        void land(const std::string& key, const answer& value, const std::exception_ptr& failure,
                  clock::time_point made) {
            std::vector<std::shared_ptr<asio::steady_timer>> waiting;
            {
                std::lock_guard lock{mutex};
                auto found = flights.find(key);
                if (found == flights.end()) return;
                auto f = std::move(found->second);
                flights.erase(found);
                f->value = value;
                f->failure = failure;
                f->landed = true;
                waiting.swap(f->waiting);
                if (value && is_whole(*value)) recent.store(key, value, made);
            }
            for (auto& t : waiting) asio::post(t->get_executor(), [t] { t->cancel(); });
        }

        std::mutex mutex;
        cache_options options;
        memory recent;
        std::unordered_map<std::string, std::shared_ptr<flight>> flights;
        std::unique_ptr<answer_file> file;
    };

    // Ends a flight, however its call ends.
    class take_off {
    public:
        take_off(std::shared_ptr<state> s, std::string key) : state_{std::move(s)}, key_{std::move(key)} {}
        ~take_off() { land(nullptr, nullptr); }
        void land(const answer& value, const std::exception_ptr& failure, clock::time_point made = clock::now()) {
            if (auto s = std::exchange(state_, nullptr)) s->land(key_, value, failure, made);
        }

    private:
        std::shared_ptr<state> state_;
        std::string key_;
    };

    static lm_response hit(const lm_response& known) {
        lm_response r = known;
        r.usage = {};
        r.from_cache = true;
        return r;
    }

    task<answer> wait_for(std::shared_ptr<flight> f, clock::time_point deadline) const {
        auto timer = std::make_shared<asio::steady_timer>(co_await asio::this_coro::executor, deadline);
        bool landed;
        {
            std::lock_guard lock{state_->mutex};
            landed = f->landed;
            if (!landed) f->waiting.push_back(timer);
        }
        error_code ec;
        if (!landed) co_await timer->async_wait(asio::redirect_error(asio::use_awaitable, ec));
        std::lock_guard lock{state_->mutex};
        if (f->landed) co_return f->value;
        std::erase(f->waiting, timer);
        if (ec) throw boost::system::system_error{ec};
        throw http_error{http_errc::deadline_exceeded, "the call's deadline passed while an equal one was under way"};
    }

    struct old_answer {
        answer value;
        clock::time_point made;
    };

    task<std::optional<old_answer>> from_file(const lm_context& context, const std::string& key) const {
        if (!state_->file) co_return std::nullopt;
        std::function<std::optional<answer_file::entry>()> find = [s = state_, key] { return s->file->find(key); };
        auto found = co_await on_pool<std::optional<answer_file::entry>>(context.blocking, std::move(find));
        if (!found) co_return std::nullopt;
        auto parsed = parse_json(found->value);
        if (!parsed) co_return std::nullopt;
        try {
            auto known = std::make_shared<const lm_response>(lm_response_from_json(*parsed));
            if (!is_whole(*known)) co_return std::nullopt;  // of a version that kept those too
            co_return old_answer{std::move(known), clock::now() - found->age};
        } catch (const lm_error&) {  // of another version: a miss
        }
        co_return std::nullopt;
    }

    task<void> to_file(const lm_context& context, const std::string& key, const answer& value) const {
        if (!state_->file || !is_whole(*value)) co_return;
        std::function<bool()> store = [s = state_, key, text = json::serialize(to_json(*value))] {
            s->file->store(key, text);
            return true;
        };
        co_await on_pool<bool>(context.blocking, std::move(store));
    }

    std::shared_ptr<state> state_;
};

}  // namespace

language_model cached(language_model inner, cache_options options) {
    return language_model{std::make_shared<cache>(std::move(inner), options)};
}

}  // namespace reagent
