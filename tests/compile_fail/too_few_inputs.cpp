// expect: reagent: this call has too few or too many inputs
#include <reagent/reagent.hpp>
using namespace reagent::literals;
namespace rg = reagent;
void f(rg::run& r, const rg::predict<rg::sig<"question, n: int -> answer">>& p) { (void)p(r, "x"); }
