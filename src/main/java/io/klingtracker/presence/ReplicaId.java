package io.klingtracker.presence;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.util.HexFormat;
import java.util.concurrent.ThreadLocalRandom;
import org.jdbi.v3.core.Handle;

/**
 * Who this process is among the replicas, as long as it runs. Claims carry {@link #id}, and each
 * long session holds {@link #mark a lock} of ours, by which others see that we live and which
 * sessions are ours.
 */
@Singleton
public class ReplicaId {

  /**
   * Of rows of {@code c}: claimed by who is not among the replicas. Claims of versions without
   * presence, which are named otherwise, end by their time.
   */
  public static final String GONE =
      "c.claimed_by like '@%' and not exists (select from replica r where r.id = split_part(c.claimed_by, '/', 1))";

  /** First half of the advisory locks' keys; the second is the replica's number. */
  static final int LOCKS = 0x4B4C5402;

  /**
   * So that nobody takes the claims of versions without presence, which name random ids, for ours.
   */
  private static final String PREFIX = "@";

  private static final String MARK = "select pg_advisory_lock_shared(:locks, :number)";

  /** Those that are dead are struck off. */
  private static final String FIRST = "select coalesce(min(id) = :me, false) from replica";

  private final int number = ThreadLocalRandom.current().nextInt(1, Integer.MAX_VALUE);

  @Inject
  public ReplicaId() {}

  /** How a claim names us. */
  public String id() {
    return PREFIX + HexFormat.of().toHexDigits(number);
  }

  /** How one of several claims of ours is named. */
  public String claim(long count) {
    return id() + "/" + count;
  }

  int number() {
    return number;
  }

  /** Makes a session known as ours, until it ends or gives its advisory locks back. */
  public void mark(Handle session) {
    session.createQuery(MARK).bind("locks", LOCKS).bind("number", number).mapToMap().list();
  }

  /** Whether this is the replica that does, of those that live, what one alone is to do. */
  public boolean isFirst(Handle handle) {
    return handle.createQuery(FIRST).bind("me", id()).mapTo(Boolean.class).one();
  }
}
