// expect: reagent: the type of this argument does not fit the input
#include <reagent/reagent.hpp>
using namespace reagent::literals;
namespace rg = reagent;
void f(rg::run& r, const rg::predict<rg::sig<"question, n: int -> answer">>& p) {
    (void)p(r, "question"_f = "x", "n"_f = "three");
}
