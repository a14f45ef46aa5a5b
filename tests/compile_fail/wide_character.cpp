// expect: reagent: a character of this type is no text in UTF-8
#include <reagent/reagent.hpp>
struct grade {
    char32_t letter;
};
int main() { reagent::schema_of<grade>(); }
