// expect: reagent: what is run needs a model
#include <reagent/reagent.hpp>
using qa = reagent::predict<reagent::sig<"question -> answer">>;
void f(reagent::runtime& rt, qa& p) { (void)rt.run(p, "question"); }
