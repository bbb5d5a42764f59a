// Links, runs, and gets an error that names the argument, with or without a GPU.
#include <ak/ak.hpp>
#include <iostream>
#include <string>

int main() {
  const int somewhere = 0;
  const ak::ConstMatrix x{nullptr, 4, 8, 8}, w{&somewhere, 2, 8, 8};
  ak::Options options;
  options.cache_dir = "";
  ak::Context context(options);
  try {
    context.linear(nullptr, x, w, nullptr, ak::Activation::silu, {});
  } catch (const ak::Error& error) {
    std::cout << ak::version() << ": " << error.what() << "\n";
    if (std::string(error.what()).rfind("y: ", 0) != 0) return 1;
    return error.code() == ak::ErrorCode::invalid_argument ? 0 : 1;
  }
  return 1;
}
