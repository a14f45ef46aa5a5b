// expect: reagent: a tool's parameter cannot be made from JSON
#include <reagent/reagent.hpp>
class money {
public:
    explicit money(int cents) : cents_{cents} {}
    int cents() const { return cents_; }

private:
    int cents_;
};
int main() {
    reagent::tools t;
    t.add("pay", "Pays.", [](money m) { return m.cents(); }, {"amount"});
}
