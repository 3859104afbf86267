package io.klingtracker.upstream;

import io.klingtracker.database.Rows;
import io.klingtracker.loops.SetAside;
import io.klingtracker.secret.Hashes;
import io.klingtracker.task.ClaimToken;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import org.jdbi.v3.core.Handle;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;

/**
 * Creates of which nobody knows whether Kling accepted them. The dispatcher finds them and sends
 * nothing for them; the reconciler asks Kling, and either the task is adopted like any other of
 * which Kling speaks, or it is proved that Kling does not have it, and it waits for its turn again.
 */
@Singleton
public class Doubts {

  /** The kind of what is set aside of the dispatch queue; the key is the task's id. */
  public static final String QUEUE = "dispatch";

  /** After so many creates that got lost the task is set aside: sending more is of no use. */
  static final int MAX_LOST = SetAside.MAX_ATTEMPTS;

  /**
   * For so long a create in doubt holds a slot. What Kling accepted has been rendered by then, and
   * what it did not accept runs nowhere.
   */
  public static final Duration HOLDS_SLOT = Duration.ofMinutes(30);

  /** Asked about at once; {@code checks = 0} shows a round under way that its answer is too old. */
  private static final String BEGIN =
      """
      with doubted as (
        update dispatch_queue set claimed_by = null, doubt = :cause, reason = :reason
        where task_id = :id and claimed_by = :owner and attempts = :attempts
        returning task_id
      )
      update open_task o set next_check_at = cast(:now as timestamptz), checks = 0
      from doubted d where o.task_id = d.task_id
      """;

  /** Nobody sends it just now, and it is still the same create. */
  private static final String SAME =
      """
      q.task_id = :id and q.sent_at = cast(:sentAt as timestamptz) and q.claimed_by is null\
      """;

  /** That Kling says that it has the task is never forgotten. */
  private static final String KEEP =
      """
      with kept as (
        update dispatch_queue q set reason = :reason,
          doubt = case when q.doubt = 'exists' then q.doubt else :cause end
        where %s
        returning q.task_id
      )
      update open_task o set slots = 0 from kept k
      where o.task_id = k.task_id and o.slots > 0 and cast(:sentAt as timestamptz) <= cast(:slotUntil as timestamptz)
      """
          .formatted(SAME);

  /**
   * The task's row is locked first, as everywhere: news that comes at the same time wins or loses
   * whole. Whoever asks for proof, or finds that the answer is too old, has changed the open task
   * since Kling was asked; and a callback that nobody has read yet may speak of it.
   */
  private static final String FREE =
      """
      with alone as (
        select t.id from task t join open_task o on o.task_id = t.id
        where t.id = :id and t.status = 'queued' and o.proving is null and o.checks = :checks
          and not exists (select from callback_receipt r where r.task_id = t.id and r.verdict = 'pending')
        for no key update of t for update of o
      ),
      freed as (
        update dispatch_queue q set sent_at = null, doubt = null,
          lost = q.lost + 1, due_at = cast(:due as timestamptz), reason = :reason
        from alone a
        where a.id = q.task_id and %s and q.doubt is distinct from 'exists'
        returning q.task_id
      )
      delete from open_task o using freed f where o.task_id = f.task_id
      """
          .formatted(SAME);

  private static final String COUNT =
      """
      select doubt, count(*) as creates, min(sent_at) as oldest from dispatch_queue
      where doubt is not null group by doubt order by doubt
      """;

  /** Why nobody knows. */
  public enum Cause {
    /** No answer came, or none that can be read. */
    NO_ANSWER("no-answer"),
    /** Kling says that it has the task, but does not show it. */
    EXISTS("exists"),
    /** Kling could not be asked. */
    NOT_ASKED("not-asked");

    private final String word;

    Cause(String word) {
      this.word = word;
    }

    /** As it is stored and shown. */
    public String wireName() {
      return word;
    }

    /**
     * The cause that a word means.
     *
     * @throws IllegalArgumentException for any other word
     */
    public static Cause of(String wireName) {
      for (Cause cause : values()) {
        if (cause.word.equals(wireName)) {
          return cause;
        }
      }
      throw new IllegalArgumentException("no cause of doubt: " + wireName);
    }
  }

  /**
   * One create in doubt.
   *
   * @param sentAt when it was about to leave
   * @param cause null as long as nobody has settled it: its sender waits for the answer, or is gone
   * @param lost how many creates of the task got lost before
   * @param underWay whether its sender still waits for the answer
   * @param promptHash of a create whose model keeps no id of ours, SHA-256 of its prompt in
   *     hexadecimal; null where Kling knows the task by our id
   */
  public record Doubt(
      Instant sentAt,
      @Nullable Cause cause,
      int lost,
      boolean underWay,
      @Nullable String promptHash) {

    /** Whether Kling cannot be asked for it by an id of ours. */
    public boolean isUnnamed() {
      return promptHash != null;
    }
  }

  /**
   * All of one cause.
   *
   * @param oldest when the first of them left
   */
  public record Count(Cause cause, long creates, Instant oldest) {}

  private final Jdbi jdbi;
  private final SetAside setAside;
  private final Clock clock;

  @Inject
  public Doubts(Jdbi jdbi, SetAside setAside, Clock clock) {
    this.jdbi = jdbi;
    this.setAside = setAside;
    this.clock = clock;
  }

  /**
   * A create is in doubt: it keeps its slot, nothing is sent, and Kling is asked at once.
   *
   * @param held the claim under which it was sent
   * @param reason for people
   * @return false when the claim was lost meanwhile
   */
  public boolean begin(String taskId, ClaimToken held, Cause cause, String reason) {
    return jdbi.withHandle(
            handle ->
                handle
                    .createUpdate(BEGIN)
                    .bind("id", taskId)
                    .bind("owner", held.owner())
                    .bind("attempts", held.attempts())
                    .bind("cause", cause.wireName())
                    .bind("reason", clean(reason))
                    .bind("now", clock.instant())
                    .execute())
        == 1;
  }

  /** It stays in doubt, for this reason; after {@link #HOLDS_SLOT} it holds no slot any more. */
  public void keep(String taskId, Doubt doubt, Cause cause, String reason) {
    jdbi.useHandle(
        handle ->
            handle
                .createUpdate(KEEP)
                .bind("id", taskId)
                .bind("sentAt", doubt.sentAt())
                .bind("cause", cause.wireName())
                .bind("reason", clean(reason))
                .bind("slotUntil", clock.instant().minus(HOLDS_SLOT))
                .execute());
  }

  /**
   * Kling certainly does not have it: the slot is free, and the task waits for its turn again, or,
   * after {@link #MAX_LOST} creates that got lost, until an administrator has it tried again.
   *
   * @param checks as of the question that Kling answered
   * @param due not to be sent before this
   * @return false when something was received about it meanwhile, or it is another create by now
   */
  public boolean free(String taskId, Doubt doubt, int checks, Instant due) {
    boolean useless = doubt.lost() + 1 >= MAX_LOST;
    return jdbi.inTransaction(
        handle -> {
          boolean freed = free(handle, taskId, doubt, checks, useless ? SetAside.NEVER : due);
          if (freed && useless) {
            setAside.put(handle, QUEUE, taskId, taskId, new Lost(), doubt.lost() + 1);
          }
          return freed;
        });
  }

  private boolean free(Handle handle, String taskId, Doubt doubt, int checks, Instant due) {
    return handle
            .createUpdate(FREE)
            .bind("id", taskId)
            .bind("sentAt", doubt.sentAt())
            .bind("checks", checks)
            .bind("due", due)
            .bind("reason", "Kling does not have it; it is sent again when it is its turn")
            .execute()
        == 1;
  }

  /** How many there are of each cause, without those whose answer is awaited. */
  public List<Count> counts() {
    return jdbi.withHandle(
        handle ->
            handle
                .createQuery(COUNT)
                .map(
                    (row, context) ->
                        new Count(
                            Cause.of(row.getString("doubt")),
                            row.getLong("creates"),
                            Rows.instant(row, "oldest")))
                .list());
  }

  /** Distinguishes prompts; see {@link Doubt#promptHash}. */
  public static String promptHash(String prompt) {
    return HexFormat.of().formatHex(Hashes.sha256(prompt.getBytes(StandardCharsets.UTF_8)));
  }

  /** Foreign words are in it. */
  private static String clean(String reason) {
    return reason.replace('\0', '\ufffd');
  }

  private static final class Lost extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Lost() {
      super(
          MAX_LOST
              + " creates in a row were not answered, and Kling has none of them; see what answers"
              + " in its place");
    }
  }
}
