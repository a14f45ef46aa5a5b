// expect: reagent: this signature has no output of that name
#include <reagent/reagent.hpp>
using namespace reagent::literals;
namespace rg = reagent;
auto f(const rg::prediction<rg::sig<"question -> answer">>& p) { return p.get<"anser">(); }
