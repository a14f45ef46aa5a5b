// expect: reagent: a tool's parameter only looks at a text that nobody keeps
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
rg::task<std::string> work(std::string_view s) { co_return std::string{s}; }
void f(rg::tools& t) { t.add("work", "", work, {"s"}); }
