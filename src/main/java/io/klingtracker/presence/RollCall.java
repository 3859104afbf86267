package io.klingtracker.presence;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Decides who is dead, from what one replica sees of the others once a second: one that has neither
 * a session nor written anything between two looks, or that has written nothing for so long that it
 * must be frozen or cut off. Only what is seen to stay the same counts, by a clock that never
 * jumps; so a replica that was away itself, or whose database was, knows nothing and waits.
 *
 * <p>Plain data, for one thread.
 */
final class RollCall {

  /** Who has written nothing for so long is dead, whatever sessions it has. */
  static final Duration UNSEEN = Duration.ofSeconds(5);

  /** Nobody is dead before others have been watched for so long without a gap. */
  static final Duration WATCHED = Duration.ofSeconds(5);

  /** Longer than this between two looks is a gap: we were away, and know nothing of the others. */
  static final Duration GAP = Duration.ofMillis(2500);

  /** A replica as the database has it now: what it wrote last, and whether it has a session. */
  record Seen(String id, int number, String seenAt, boolean hasSession) {}

  /** A dead replica, and whether it still has sessions. */
  record Dead(Seen replica) {
    boolean isFrozen() {
      return replica.hasSession();
    }
  }

  /** Since when it has been seen like this, and whether it had a session at the last look. */
  private record Sighting(Seen seen, long since) {}

  private final Map<String, Sighting> sightings = new HashMap<>();
  private long watchingSince;
  private long lookedAt;
  private boolean begun;

  /** Forgets what was seen: the connection was lost, or the table is new. */
  void begin() {
    begun = false;
  }

  /**
   * Looks at the others.
   *
   * @param now of {@link System#nanoTime}
   * @return those that are dead
   */
  List<Dead> look(List<Seen> others, long now) {
    if (!begun || now - lookedAt > GAP.toNanos()) {
      sightings.clear();
      watchingSince = now;
      begun = true;
    }
    lookedAt = now;
    boolean mayJudge = hasWatched(now);
    Map<String, Sighting> before = new HashMap<>(sightings);
    sightings.clear();
    List<Dead> dead = new ArrayList<>();
    for (Seen seen : others) {
      Sighting last = before.get(seen.id());
      boolean still = last != null && last.seen().seenAt().equals(seen.seenAt());
      long since = last != null && still ? last.since() : now;
      sightings.put(seen.id(), new Sighting(seen, since));
      boolean gone = last != null && still && !last.seen().hasSession() && !seen.hasSession();
      if (mayJudge && (gone || now - since >= UNSEEN.toNanos())) {
        dead.add(new Dead(seen));
      }
    }
    return dead;
  }

  /** Whether the others have been watched for long enough to judge by what is not seen at all. */
  boolean hasWatched(long now) {
    return begun && now - watchingSince >= WATCHED.toNanos();
  }
}
