// expect: reagent: the type of an argument does not fit the input at that position
#include <reagent/reagent.hpp>
using namespace reagent::literals;
namespace rg = reagent;
void f(rg::run& r, const rg::chain_of_thought<rg::sig<"n: int -> answer">>& p) { (void)p(r, 1.5); }
