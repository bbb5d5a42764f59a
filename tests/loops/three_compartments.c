// i:sequential(third)
void three_compartments(int n, double rate, const double dose[n], double level[n]) {
  double first = 0.0, second = 0.0, third = 0.0;
  for (int i = 0; i < n; i++) {
    double out = rate * first, on = rate * second, back = rate * third;
    first = first + dose[i] + back - out;
    second = second + out - on;
    third = third + on - back;
    level[i] = third;
  }
}
