// i:parallel
void strided_update(int n, int incx, int incy, float alpha, const float x[n * incx + 1], float y[n * incy + 1]) {
  for (int i = 0; i < n; i++) y[i * incy] += alpha * x[i * incx];
}
