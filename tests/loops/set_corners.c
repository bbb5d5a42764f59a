// straight
void set_corners(int n, float value, float a[n]) {
  a[0] = value;
  a[n - 1] = 2.0f * a[0];
}
