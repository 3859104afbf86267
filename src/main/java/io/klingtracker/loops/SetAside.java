package io.klingtracker.loops;

import io.klingtracker.database.Rows;
import io.klingtracker.database.SqlStates;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * What loops could not process. It takes no part in its queue, survives restarts, and waits for an
 * administrator who has it tried again. The reason is bounded, and clean whatever the failure said.
 */
@Singleton
public class SetAside {

  /** An item that fails so often for a reason of its own is set aside. */
  public static final int MAX_ATTEMPTS = 20;

  /** What a constraint refuses may be allowed a moment later, but hardly more often than this. */
  private static final int REFUSED_ATTEMPTS = 3;

  private static final int MAX_REASON = 500;
  private static final int MAX_KEY = 200;

  /** Instead of the end of time, which PostgreSQL cannot reckon with: due for nobody. */
  public static final Instant NEVER = Instant.parse("9999-01-01T00:00:00Z");

  private static final String PUT =
      """
      insert into set_aside (kind, key, task_id, reason, attempts, at)
      values (:kind, :key, :task, :reason, :attempts, :now)
      on conflict (kind, key) do update set reason = excluded.reason, attempts = excluded.attempts, at = excluded.at
      """;

  private static final String PAGE =
      """
      select s.kind, s.key, s.task_id, s.reason, s.attempts, s.at, t.tenant_id
      from set_aside s left join task t on t.id = s.task_id
      where (s.at, s.kind, s.key) > (cast(:at as timestamptz), :kind, :key)
        and (cast(:only as text) is null or s.kind = :only)
      order by s.at, s.kind, s.key limit :limit
      """;

  private static final String TAKE = "delete from set_aside where kind = :kind and key = :key";

  private static final String COUNTS =
      "select kind, count(*) as items from set_aside group by kind";

  private final Jdbi jdbi;
  private final Clock clock;
  private final Map<String, Queue> queues = new ConcurrentHashMap<>();
  private final Map<String, String> existence = new ConcurrentHashMap<>();

  /** Where items of one kind come from. */
  @FunctionalInterface
  public interface Queue {
    /**
     * Puts an item back, due now, in the transaction that takes it from what is set aside.
     *
     * @return what makes its loop look, once that is committed
     */
    Runnable putBack(Handle handle, String key, Instant now);
  }

  /**
   * An item that was set aside.
   *
   * @param key unique within the kind
   * @param taskId the task that it is about, when there is one
   * @param tenant whose task that is, while it exists
   * @param attempts how often it had failed
   */
  public record Item(
      String kind,
      String key,
      @Nullable String taskId,
      @Nullable String tenant,
      String reason,
      int attempts,
      Instant at) {

    /** The item's name for people and routes. */
    public String id() {
      return kind + ":" + key;
    }
  }

  /** Where a page begins: behind this item. */
  public record Position(Instant at, String kind, String key) {

    /** Before all. */
    public static final Position START = new Position(Instant.EPOCH, "", "");

    /** Behind an item. */
    public static Position behind(Item item) {
      return new Position(item.at(), item.kind(), item.key());
    }
  }

  @Inject
  public SetAside(Jdbi jdbi, Clock clock) {
    this.jdbi = jdbi;
    this.clock = clock;
  }

  /** Whether an item that failed so, for the given time in a row, is to be set aside. */
  public static boolean isDue(Throwable failure, int attempts) {
    if (SqlStates.isData(failure)) {
      // No try makes such text or such a number fit.
      return true;
    }
    return attempts >= (SqlStates.isRefused(failure) ? REFUSED_ATTEMPTS : MAX_ATTEMPTS);
  }

  /**
   * Names where items of a kind go when they are tried again.
   *
   * @param exists SQL: whether of the row {@code s} of {@code set_aside} there is still something
   *     to be tried
   */
  public void register(String kind, String exists, Queue queue) {
    queues.put(kind, queue);
    existence.put(kind, exists);
  }

  /**
   * Sets an item aside, in the transaction that takes it out of its queue.
   *
   * @param taskId the task that it is about, when there is one
   */
  public void put(
      Handle handle,
      String kind,
      String key,
      @Nullable String taskId,
      Throwable failure,
      int attempts) {
    handle
        .createUpdate(PUT)
        .bind("kind", kind)
        .bind("key", cut(key, MAX_KEY))
        .bind("task", taskId)
        .bind("reason", reason(failure))
        .bind("attempts", Math.max(1, attempts))
        // As it is kept, so that a page can continue behind it.
        .bind("now", clock.instant().truncatedTo(ChronoUnit.MICROS))
        .execute();
  }

  /**
   * Oldest first.
   *
   * @param kind null means all
   */
  public List<Item> page(@Nullable String kind, Position after, int limit) {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(PAGE)
                .bind("at", after.at())
                .bind("kind", after.kind())
                .bind("key", after.key())
                .bind("only", kind)
                .bind("limit", limit)
                .map(
                    (row, context) ->
                        new Item(
                            row.getString("kind"),
                            row.getString("key"),
                            row.getString("task_id"),
                            row.getString("tenant_id"),
                            row.getString("reason"),
                            row.getInt("attempts"),
                            Rows.instant(row, "at")))
                .list());
  }

  /**
   * Puts an item back into its queue, due now.
   *
   * @param id as {@link Item#id} gave it
   * @return false when no such item is set aside
   */
  public boolean retry(String id) {
    int colon = id.indexOf(':');
    Queue queue = colon < 0 ? null : queues.get(id.substring(0, colon));
    if (queue == null || id.indexOf('\0') >= 0) {
      return false;
    }
    String kind = id.substring(0, colon);
    String key = id.substring(colon + 1);
    Runnable wake =
        jdbi.inTransaction(
            handle ->
                handle.createUpdate(TAKE).bind("kind", kind).bind("key", key).execute() == 1
                    ? queue.putBack(handle, key, clock.instant())
                    : null);
    if (wake == null) {
      return false;
    }
    wake.run();
    return true;
  }

  /** Forgets items of which nothing is left: their task has ended, their receipt is gone. */
  void tidy() {
    existence.forEach(
        (kind, exists) ->
            jdbi.useHandle(
                handle ->
                    handle
                        .createUpdate(
                            "delete from set_aside s where s.kind = :kind and not (" + exists + ")")
                        .bind("kind", kind)
                        .execute()));
  }

  /** How many of each kind there are; a kind that is known and has none counts nothing. */
  Map<String, Long> counts() {
    Map<String, Long> counts = new HashMap<>();
    queues.keySet().forEach(kind -> counts.put(kind, 0L));
    jdbi.useHandle(
        handle ->
            handle
                .createQuery(COUNTS)
                .map((row, context) -> Map.entry(row.getString("kind"), row.getLong("items")))
                .forEach(entry -> counts.put(entry.getKey(), entry.getValue())));
    return counts;
  }

  /** Why something failed, on one line that can be stored. */
  public static String reason(Throwable failure) {
    Throwable root = failure;
    for (int depth = 0; root.getCause() != null && depth < 20; depth++) {
      root = root.getCause();
    }
    String message = String.valueOf(root.getMessage()).lines().findFirst().orElse("");
    return cut(root.getClass().getSimpleName() + ": " + message, MAX_REASON);
  }

  private static String cut(String text, int most) {
    String clean = text.replace('\0', '\ufffd');
    if (clean.length() <= most) {
      return clean;
    }
    int end = Character.isHighSurrogate(clean.charAt(most - 1)) ? most - 1 : most;
    return clean.substring(0, end);
  }
}
