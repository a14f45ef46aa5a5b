// expect: reagent: an argument refers to what may be gone before the run ends
#include <reagent/reagent.hpp>
using namespace reagent::literals;
namespace rg = reagent;
#include <boost/asio/use_future.hpp>
#include <forward_list>
struct program {
    rg::task<int> operator()(rg::run&, std::forward_list<std::string_view>) const { co_return 1; }
};
void f(rg::runtime& rt, rg::run_options o, std::forward_list<std::string_view> v) {
    rt.async_run(o, program{}, v, boost::asio::use_future);
}
