// i:parallel goto
void grade_by_goto(int n, const float x[n], int grade[n]) {
  for (int i = 0; i < n; i++) {
    if (x[i] < 1.0f) goto low;
    if (x[i] < 2.0f) goto middle;
    grade[i] = 3;
    goto done;
  low:
    grade[i] = 1;
    goto done;
  middle:
    grade[i] = 2;
  done:;
  }
}
