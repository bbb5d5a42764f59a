// i:parallel j:scan(a:1)
void sum_along_rows(float a[256][256], const float b[256][256]) {
  for (int i = 0; i < 256; i++)
    for (int j = 1; j < 256; j++) a[i][j] = a[i][j - 1] + b[i][j];
}
