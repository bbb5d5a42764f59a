// i:sequential(place)
void swing_with_stop(int n, float step, const float push[n], float path[n]) {
  float place = 0.0f, speed = 0.0f;
  for (int i = 0; i < n; i++) {
    speed += step * (push[i] - place);
    place += step * speed;
    if (place < 0.0f) place = 0.0f;
    path[i] = place;
  }
}
