// expect: reagent: a tool's function changes itself (a mutable lambda)
#include <reagent/reagent.hpp>
int main() {
    reagent::tools t;
    t.add("count", "", [n = 0]() mutable { return ++n; }, {});
}
