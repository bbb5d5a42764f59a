// i:parallel j:scan(row:1); i:scan(area:1) j:parallel
void integral_image(int n, int m, const float in[n][m], float area[n][m]) {
  for (int i = 1; i < n; i++) {
    float row = 0.0f;
    for (int j = 0; j < m; j++) {
      row += in[i][j];
      area[i][j] = area[i - 1][j] + row;
    }
  }
}
