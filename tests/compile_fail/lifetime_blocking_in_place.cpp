// expect: reagent: g++ 12 destroys a lambda that captures by copy twice
#include <reagent/reagent.hpp>
using namespace reagent::literals;
namespace rg = reagent;
rg::task<void> f(rg::run& r, std::string s) {
    co_await r.blocking([s] { return rg::json::value(rg::json::string(s)); });
}
