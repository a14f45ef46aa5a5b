// expect: reagent: as_program refers to its module
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
auto f() { return rg::as_program(program{}); }
