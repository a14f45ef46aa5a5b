// expect: reagent: g++ 12 destroys a lambda that captures by copy twice
#include <reagent/reagent.hpp>
using namespace reagent::literals;
namespace rg = reagent;
struct program : rg::module {
    rg::task<std::string> forward(rg::run&, std::string s) const { co_return s; }
    rg::task<boost::json::object> call(rg::run&, boost::json::object o) const { co_return o; }
};
struct asked {
    struct input {
        std::string question;
    };
    struct output {
        std::string answer;
    };
};
using qa = rg::predict<rg::sig<"question -> answer">>;
rg::task<void> f(rg::run& r, std::string s) {
    co_await rg::parallel_map(r, std::vector<int>(3), [s](rg::run&, int) -> rg::task<std::string> { co_return s; });
}
