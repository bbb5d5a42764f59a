// j:reduce(min low) i:reduce(min low)
double lowest_by_columns(int rows, int columns, const double a[rows][columns]) {
  double low = 1;
  for (int j = 0; j < columns; j++)
    for (int i = 0; i < rows; i++)
      if (a[i][j] < low) low = a[i][j];
  return low;
}
