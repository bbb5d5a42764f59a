// i:parallel j:reduce(argmin best,who)
void nearest_centre(int n, int classes, const float x[n], const float centre[classes], int class_of[n]) {
  for (int i = 0; i < n; i++) {
    float best = 1e30f;
    int who = 0;
    for (int j = 0; j < classes; j++) {
      float d = (x[i] - centre[j]) * (x[i] - centre[j]);
      if (d < best) {
        best = d;
        who = j;
      }
    }
    class_of[i] = who;
  }
}
