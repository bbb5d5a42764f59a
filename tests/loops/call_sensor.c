// refused
float read_sensor(int channel);

void call_sensor(int n, float a[n]) {
  for (int i = 0; i < n; i++) a[i] = read_sensor(i);
}
