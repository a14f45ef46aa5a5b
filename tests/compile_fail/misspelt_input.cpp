// expect: reagent: this signature has no input of that name
#include <reagent/reagent.hpp>
using namespace reagent::literals;
namespace rg = reagent;
void f(rg::run& r, const rg::predict<rg::sig<"question -> answer">>& p) { (void)p(r, "qestion"_f = "x"); }
