// expect: reagent: g++ 12 destroys an aggregate that is written inside co_await twice
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
rg::task<void> f(rg::run& r, const rg::predict<asked>& ask, std::string s) {
    co_await ask(r, asked::input{.question = s});
}
