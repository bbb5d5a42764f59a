// i:reduce(max largest)
#define MAX(a, b) ((a) > (b) ? (a) : (b))

int largest_by_macro(int n, const int a[n]) {
  int largest = a[0];
  for (int i = 1; i < n; i++) largest = MAX(largest, a[i]);
  return largest;
}
