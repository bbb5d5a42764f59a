// i:scan(a:1)
void two_steps_of_stride_two(int n, float a[n], const float b[n]) {
  for (int i = 2; i < n; i += 2) a[i] = a[i - 2] + b[i];
}
