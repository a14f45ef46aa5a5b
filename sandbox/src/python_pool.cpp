#include <reagent/sandbox/python.hpp>

#include "../../sdk/src/base/pool.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <cerrno>
#include <deque>
#include <mutex>

namespace reagent::sandbox {

namespace {

// One that somebody kills while it starts is started again.
std::shared_ptr<python> started(const python_options& o) {
    for (int attempt = 1;; ++attempt) try {
            return std::make_shared<python>(o);
        } catch (const std::system_error& e) {
            if (e.code().value() != ECANCELED || attempt == 5) throw;
        }
}

}  // namespace

struct python_pool::state {
    state(python_options options, std::size_t count) : o{std::move(options)}, warm{count} {}
    ~state() {
        if (!starting) return;
        starting->stop();
        starting->join();
    }

    asio::any_io_executor thread() {
        std::lock_guard lock{mutex};
        if (!starting) starting.emplace(1);
        return starting->get_executor();
    }

    std::optional<python> ready() {
        std::lock_guard lock{mutex};
        while (!idle.empty()) {
            python p = std::move(idle.front());
            idle.pop_front();
            if (p.alive()) return p;
        }
        return {};
    }

    // What fails here fails again where somebody waits for it.
    void fill() {
        for (;;) {
            {
                std::lock_guard lock{mutex};
                if (idle.size() >= warm) return;
            }
            try {
                python p{o};
                std::lock_guard lock{mutex};
                idle.push_back(std::move(p));
            } catch (const std::exception&) {
                return;
            }
        }
    }

    // The thread does not keep its pool alive, whose end waits for it.
    void fill_later() {
        if (warm == 0) return;
        asio::post(thread(), [self = this] { self->fill(); });
    }

    const python_options o;
    const std::size_t warm;
    std::mutex mutex;
    std::deque<python> idle;
    std::optional<asio::thread_pool> starting{};  // none before the first `take`
};

python_pool::python_pool(python_options o, std::size_t warm) : state_{std::make_shared<state>(std::move(o), warm)} {}

const python_options& python_pool::options() const { return state_->o; }

task<python> python_pool::take() const {
    return [](std::shared_ptr<state> s) -> task<python> {
        if (auto p = s->ready()) {
            s->fill_later();
            co_return std::move(*p);
        }
        std::function<std::shared_ptr<python>()> start = [o = s->o] { return started(o); };
        auto made = co_await on_pool<std::shared_ptr<python>>(s->thread(), std::move(start));
        s->fill_later();
        co_return std::move(*made);
    }(state_);
}

}  // namespace reagent::sandbox
