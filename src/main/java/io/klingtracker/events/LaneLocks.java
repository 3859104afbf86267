package io.klingtracker.events;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.IntPredicate;
import org.jdbi.v3.core.Handle;

/**
 * The lanes that one session holds, as advisory locks that die with it. Each replica holds one
 * further shared lock, by which the others count it, and as many lanes as its fair share.
 */
final class LaneLocks {

  static final int COUNT = 64;

  /** First half of our advisory locks' keys; the second is 0 for a member, or 1 + a lane. */
  private static final int LOCKS = 0x4B4C5401;

  private static final String JOIN = "select pg_advisory_lock_shared(:locks, 0)";

  private static final String MEMBERS =
      """
      select count(*) from pg_locks
      where locktype = 'advisory' and classid = cast(:locks as oid) and objid = 0 and objsubid = 2 and granted
        and database = (select oid from pg_database where datname = current_database())
      """;

  /** The limit stops the scan: no more locks are tried than are wanted. */
  private static final String TAKE =
      """
      select lane from unnest(cast(:lanes as int[])) as lane
      where pg_try_advisory_lock(:locks, 1 + lane)
      limit :wanted
      """;

  private static final String GIVE =
      "select pg_advisory_unlock(:locks, 1 + lane) from unnest(cast(:lanes as int[])) as lane";

  /** Notes who has lanes now; those that their last holder did not give back. */
  private static final String NOTE =
      """
      with given as (select unnest(cast(:lanes as int[]))::smallint as lane),
      noted as (
        insert into event_lane (lane, owner) select lane, :me from given
        on conflict (lane) do update set owner = excluded.owner
      )
      select l.lane from event_lane l join given g on g.lane = l.lane where l.owner <> :me
      """;

  private static final String UNNOTE =
      "update event_lane set owner = null where owner = :me and lane = any(cast(:lanes as int[]))";

  private static final String UNOWNED =
      """
      select :count - count(distinct objid) from pg_locks
      where locktype = 'advisory' and classid = cast(:locks as oid) and objid between 1 and cast(:count as oid)
        and objsubid = 2 and granted and database = (select oid from pg_database where datname = current_database())
      """;

  private final String me;
  private final Set<Integer> owned = new TreeSet<>();
  private final Set<Integer> leftBehind = new TreeSet<>();
  private final Set<Integer> leaving = new TreeSet<>();
  private final List<Integer> order;

  /**
   * None yet.
   *
   * @param me names this replica
   */
  LaneLocks(String me) {
    this.me = me;
    List<Integer> all = new ArrayList<>();
    for (int lane = 0; lane < COUNT; lane++) {
      all.add(lane);
    }
    // Replicas that start together should not all reach for the same lanes.
    Collections.shuffle(all);
    order = List.copyOf(all);
  }

  /** Makes this session one of those that share the lanes. */
  void join(Handle session) {
    session.createQuery(JOIN).bind("locks", LOCKS).mapToMap().list();
  }

  /**
   * Takes what is missing of the fair share and gives back what exceeds it. A lane is given back
   * only when nothing of it is on its way; until then it is read no more.
   */
  void rebalance(Handle session, IntPredicate isQuiet) {
    long members =
        Math.max(1, session.createQuery(MEMBERS).bind("locks", LOCKS).mapTo(Long.class).one());
    int share = (int) ((COUNT + members - 1) / members);
    if (owned.size() - leaving.size() > share) {
      order.stream()
          .filter(lane -> owned.contains(lane) && !leaving.contains(lane))
          .limit(owned.size() - leaving.size() - share)
          .forEach(leaving::add);
    } else if (owned.size() - leaving.size() < share) {
      leaving.stream()
          .limit(share - owned.size() + leaving.size())
          .toList()
          .forEach(leaving::remove);
    }
    giveBack(session, isQuiet);
    if (owned.size() < share) {
      List<Integer> free = order.stream().filter(lane -> !owned.contains(lane)).toList();
      List<Integer> taken =
          session
              .createQuery(TAKE)
              .bindArray("lanes", Integer.class, free)
              .bind("locks", LOCKS)
              .bind("wanted", share - owned.size())
              .mapTo(Integer.class)
              .list();
      owned.addAll(taken);
      note(session, taken);
    }
  }

  private void note(Handle session, List<Integer> taken) {
    if (!taken.isEmpty()) {
      leftBehind.addAll(
          session
              .createQuery(NOTE)
              .bindArray("lanes", Integer.class, taken)
              .bind("me", me)
              .mapTo(Integer.class)
              .list());
    }
  }

  private void unnote(Handle session, Collection<Integer> given) {
    session
        .createUpdate(UNNOTE)
        .bindArray("lanes", Integer.class, List.copyOf(given))
        .bind("me", me)
        .execute();
  }

  /**
   * Nothing is under way: the next holders of our lanes need not fear that anything comes late, but
   * in some.
   */
  void giveAllBut(Handle session, Set<Integer> some) {
    unnote(session, owned.stream().filter(lane -> !some.contains(lane)).toList());
  }

  /**
   * Whether a lane's last holder ended without giving it back: what it had sent may reach Kafka
   * after what we send.
   */
  boolean isLeftBehind(int lane) {
    return leftBehind.contains(lane);
  }

  /** What its last holder had in flight of the lanes has been read. */
  void readOnce() {
    leftBehind.clear();
  }

  /** How many lanes nobody holds. */
  static int unowned(Handle handle) {
    return handle
        .createQuery(UNOWNED)
        .bind("count", COUNT)
        .bind("locks", LOCKS)
        .mapTo(Integer.class)
        .one();
  }

  private void giveBack(Handle session, IntPredicate isQuiet) {
    List<Integer> quiet = leaving.stream().filter(isQuiet::test).toList();
    if (!quiet.isEmpty()) {
      unnote(session, quiet);
      session
          .createQuery(GIVE)
          .bind("locks", LOCKS)
          .bindArray("lanes", Integer.class, quiet)
          .mapToMap()
          .list();
      leaving.removeAll(quiet);
      owned.removeAll(quiet);
    }
  }

  /** The lanes to read. */
  List<Integer> reading() {
    return owned.stream().filter(lane -> !leaving.contains(lane)).toList();
  }

  /** The lanes that another replica waits for. */
  Set<Integer> leaving() {
    return leaving;
  }

  int owned() {
    return owned.size();
  }

  /** The session is gone, and the locks with it. */
  void lose() {
    owned.clear();
    leaving.clear();
    leftBehind.clear();
  }
}
