// i:reduce(+score)
int switch_with_fall_through(int n, const int kind[n], const int value[n]) {
  int score = 0;
  for (int i = 0; i < n; i++) {
    switch (kind[i] & 3) {
      case 2:
        score += 10;  // fall through
      case 1:
        score += value[i];
        break;
      case 3:
        score -= 1;
    }
  }
  return score;
}
