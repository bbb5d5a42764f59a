// i:scan(place,speed:1)
double damped_swing(int n, double step, const double push[n], const int held[n], double path[n]) {
  double place = 1.0, speed = 0.0;
  for (int i = 0; i < n; i++) {
    speed = held[i] > 0 ? 0.0 : speed + step * (push[i] - place - 0.5 * speed);
    place = held[i] > 0 ? 0.0 : place + step * speed;
    path[i] = place;
  }
  return place;
}
