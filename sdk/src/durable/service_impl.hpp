#pragma once

#include <reagent/durable/durable_service.hpp>

#include "../run/runtime_impl.hpp"

namespace reagent {

struct durable_program {
    program_function program;
    run_options options;
    durable_service::options_of_inputs adjust;

    /// @throws run_error(not_possible) where the inputs hold what `adjust` does not take
    run_options options_for(const json::object& inputs) const {
        run_options own = options;
        if (!adjust) return own;
        try {
            adjust(own, inputs);
        } catch (const run_error&) {
            throw;
        } catch (const std::exception& e) {
            throw run_error{run_errc::not_possible, e.what()};
        }
        return own;
    }
};

struct durable_service::impl : std::enable_shared_from_this<impl> {
    impl(reagent::runtime& r, std::shared_ptr<journal_store> s) : runtime{r}, journals{std::move(s)} {}

    std::shared_ptr<const durable_program> served(const std::string& run_id, const std::string& program) const;
    std::vector<std::string> served_names() const;
    stored_run resume_taken(journal_store::taken_run taken);
    void continue_run(journal_store::taken_run taken, std::function<void(std::exception_ptr)> ended);
    // How a worker leaves a run: on the run's thread, with what ended it.
    std::function<void(std::exception_ptr)> on_leaving(const std::string& id, const work_options& options,
                                                       std::function<void()> left);
    bool take_up(std::size_t most, const work_options& options, const std::function<void()>& begun,
                 const std::function<void()>& left);
    void drain();
    reagent::runtime::impl& threads() const { return *runtime.impl_; }
    void tell(run_observer::level how, std::string_view text) const { threads().message(how, text); }

    reagent::runtime& runtime;
    const std::shared_ptr<journal_store> journals;
    mutable std::mutex mutex;
    std::map<std::string, std::shared_ptr<const durable_program>> programs;  // under `mutex`
    std::atomic<bool> stop_work = false;
    std::mutex waking;
    std::map<const void*, std::function<void()>> wake;  // of each `work`; under `waking`
};

}  // namespace reagent
