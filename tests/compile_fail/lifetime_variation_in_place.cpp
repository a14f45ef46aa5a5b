// expect: reagent: these options refer to the function, and this one would be gone
#include <reagent/reagent.hpp>
using namespace reagent::literals;
namespace rg = reagent;
rg::task<void> f(rg::run& r, std::shared_ptr<const rg::variation> v) {
    auto g = [](rg::run&, int i) -> rg::task<int> { co_return i; };
    co_await rg::parallel_map(r, std::vector<int>(3), g, {.vary = [v](std::size_t) { return v; }});
}
