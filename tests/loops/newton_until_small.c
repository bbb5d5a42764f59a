// refused
double newton_until_small(double x, double tolerance) {
  double root = x;
  while (root * root - x > tolerance) root = 0.5 * (root + x / root);
  return root;
}
