// expect: reagent: an argument refers to what may be gone before the run ends
#include <reagent/reagent.hpp>
using namespace reagent::literals;
namespace rg = reagent;
struct program {
    template <class T>
    rg::task<int> operator()(rg::run&, const T& v) const {
        co_return static_cast<int>(std::size(v));
    }
};
void f(rg::runtime& rt, rg::run_options o, std::vector<std::string>& v) {
    rt.start(o, program{}, std::span<std::string>{v});
}
