// expect: reagent: this program cannot be called with these arguments
#include <reagent/reagent.hpp>
struct program : reagent::module {
    reagent::task<int> forward(reagent::run&, int n) const { co_return n; }
};
void f(reagent::runtime& rt, program& p) {
    rt.async_run({}, p, std::vector<int>{1}, [](std::exception_ptr, int) {});
}
