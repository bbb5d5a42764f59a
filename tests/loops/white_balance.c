// i:parallel
void white_balance(int n, float rgb[3 * n]) {
  for (int i = 0; i < 3 * n; i += 3) {
    rgb[i] *= 1.1f;
    rgb[i + 1] *= 0.95f;
    rgb[i + 2] *= 1.25f;
  }
}
