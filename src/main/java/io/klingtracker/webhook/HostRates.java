package io.klingtracker.webhook;

import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;

/** Token buckets of the hosts we have just sent to; a host left alone for a second has none. */
final class HostRates {

  private final int perSecond;
  private final Map<String, Bucket> buckets = new HashMap<>();

  HostRates(int perSecond) {
    this.perSecond = perSecond;
  }

  /** Notes a delivery that begins. */
  void spend(String host, Instant now) {
    Bucket bucket = buckets.get(host);
    double left = bucket == null ? perSecond : bucket.left(now, perSecond);
    buckets.put(host, new Bucket(Math.max(0, left - 1), now));
  }

  /** What hosts whose bucket is not full have left. */
  Map<String, Integer> left(Instant now) {
    Map<String, Integer> left = new HashMap<>();
    Iterator<Map.Entry<String, Bucket>> entries = buckets.entrySet().iterator();
    while (entries.hasNext()) {
      Map.Entry<String, Bucket> entry = entries.next();
      double tokens = entry.getValue().left(now, perSecond);
      if (tokens >= perSecond) {
        entries.remove();
      } else {
        left.put(entry.getKey(), (int) tokens);
      }
    }
    return left;
  }

  private record Bucket(double tokens, Instant at) {

    double left(Instant now, int perSecond) {
      double seconds = Math.max(0, Duration.between(at, now).toMillis()) / 1000.0;
      return Math.min(perSecond, tokens + seconds * perSecond);
    }
  }
}
