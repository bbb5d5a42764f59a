// i:parallel
// Names that C++ and CUDA keep for themselves.
void new_of_this_class(int new, float this[new], const float class[new + 1], float template) {
  for (int i = 0; i < new; i++) {
    float operator = class[i] * template;
    this[i] = operator + class[i + 1];
  }
}
