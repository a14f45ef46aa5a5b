// expect: reagent: g++ 12 destroys a lambda that captures by copy twice
#include <reagent/reagent.hpp>
using namespace reagent::literals;
namespace rg = reagent;
rg::task<void> f(rg::run& r, rg::lm_request request, std::string s) {
    co_await r.call_model("self", {}, request, [s](const rg::lm_event&) {});
}
