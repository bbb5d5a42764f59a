// i:parallel
void apply_operation(int n, const int op[n], const float a[n], const float b[n], float c[n]) {
  for (int i = 0; i < n; i++) {
    switch (op[i]) {
      case 0:
        c[i] = a[i] + b[i];
        break;
      case 1:
        c[i] = a[i] - b[i];
        break;
      case 2:
      case 3:
        c[i] = a[i] * b[i];
        break;
      default:
        c[i] = 0.0f;
    }
  }
}
