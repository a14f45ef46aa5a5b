// expect: reagent: an enumerator lies outside of -16 to 127
#include <reagent/reagent.hpp>
enum class code { none = 0, missing = 404 };
int main() { reagent::schema_of<code>(); }
