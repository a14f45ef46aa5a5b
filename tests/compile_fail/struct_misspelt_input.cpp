// expect: reagent: this signature has no input of that name
#include <reagent/reagent.hpp>
using namespace reagent::literals;
namespace rg = reagent;
struct s {
    struct input {
        std::string message;
    };
    struct output {
        int n;
    };
};
void f(rg::run& r, const rg::predict<s>& p) { (void)p(r, "mesage"_f = "x"); }
