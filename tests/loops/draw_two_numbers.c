// i:sequential(state)
static int draw(int *state) {
  *state = (*state * 75 + 74) % 65537;
  return *state & 255;
}

void draw_two_numbers(int n, int seed, int out[n]) {
  int state = seed & 65535;
  for (int i = 0; i < n; i++) out[i] = draw(&state) + draw(&state);
}
