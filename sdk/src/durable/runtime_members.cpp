// The members of `runtime` that are a durable service's: here, so that only a program which calls one links this
// library.
#include <reagent/durable/durable_service.hpp>

#include "../run/runtime_impl.hpp"

namespace reagent {
durable_service& runtime::durable() {
    std::lock_guard lock{impl_->mutex};
    if (!impl_->durable) impl_->durable = std::make_shared<durable_service>(*this, impl_->journals);
    return *impl_->durable;
}

void runtime::serve(std::string name, program_function program, run_options options, options_of_inputs adjust) {
    durable().serve(std::move(name), std::move(program), std::move(options), std::move(adjust));
}

std::string runtime::submit(const std::string& program, json::object inputs, std::string id, std::string session) {
    return durable().submit(program, std::move(inputs), std::move(id), std::move(session));
}

stored_run runtime::resume(const std::string& run_id) {
    refuse_own_threads();
    return durable().resume(run_id);
}

stored_run runtime::resume_by_force(const std::string& run_id) {
    refuse_own_threads();
    return durable().resume_by_force(run_id);
}

stored_run runtime::run_durably(const std::string& program, json::object inputs, std::string id) {
    refuse_own_threads();
    return durable().run_durably(program, std::move(inputs), std::move(id));
}

stored_run runtime::converse(const std::string& session, const std::string& program, json::object inputs,
                             std::string id) {
    refuse_own_threads();
    return durable().converse(session, program, std::move(inputs), std::move(id));
}

run_comparison runtime::replay(const std::string& run_id) {
    refuse_own_threads();
    return durable().replay(run_id);
}

void runtime::work() { work({}); }

void runtime::work(const work_options& options) {
    refuse_own_threads();
    durable().work(options);
}

void runtime::stop_work() {
    if (impl_->journals) durable().stop_work();
}

}  // namespace reagent
