package io.klingtracker.api;

import com.fasterxml.jackson.annotation.JsonRawValue;
import com.fasterxml.jackson.annotation.JsonUnwrapped;
import com.fasterxml.jackson.annotation.JsonValue;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.secret.Cursors;
import io.klingtracker.share.Bound;
import io.klingtracker.share.Permit;
import io.klingtracker.share.Share;
import io.klingtracker.share.Shares;
import io.klingtracker.task.Task;
import io.klingtracker.task.TaskRange;
import io.klingtracker.task.TaskView;
import io.klingtracker.task.Tasks;
import io.klingtracker.watch.Waits;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Duration;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Exports under way: a tenant's own tasks, oldest first, a page at a time and the next one only
 * when its reader has taken the last. An export holds one page, and between pages neither a thread
 * nor a connection of the database. It may be ended at any time, because another tenant needs its
 * place or because the service stops; then it is cut, so that nobody takes a part for all of it.
 */
@Singleton
class Exports {

  /** Under way on this replica. */
  static final int MAX = 16;

  /** Tasks of one page, and bytes of their results, messages and metadata; one task at least. */
  static final int PAGE = 200;

  static final int PAGE_BYTES = 1 << 20;

  /** Whose cursors these are. */
  private static final String LIST = "export";

  private static final Logger LOG = Logger.getLogger(Exports.class);
  private static final Duration COME_BACK = Duration.ofSeconds(5);

  private final Tasks tasks;
  private final Cursors cursors;
  private final Waits waits;
  private final Share share;
  private final ObjectMapper json;

  @Inject
  Exports(Tasks tasks, Cursors cursors, Waits waits, Shares shares, ObjectMapper json) {
    this.tasks = tasks;
    this.cursors = cursors;
    this.waits = waits;
    this.json = json;
    this.share =
        shares.of(Bound.lasting("exports", "exports", MAX, ErrorCode.UNAVAILABLE, COME_BACK));
  }

  /**
   * A task as it is everywhere, and where an export continues that was cut behind it.
   *
   * @param cursor sealed for its tenant
   */
  record Line(@JsonUnwrapped TaskView task, String cursor) {}

  /** Several lines, without the end of the last. */
  record Lines(@JsonValue @JsonRawValue String text) {}

  /**
   * The position of a cursor.
   *
   * @throws ProblemException when it is not one of this tenant's
   */
  String position(String tenant, String cursor) {
    return cursors
        .open(LIST, tenant, cursor)
        .orElseThrow(
            () ->
                new ProblemException(
                    ErrorCode.INVALID_REQUEST,
                    "cursor is not one that we gave; leave it out to begin with the oldest"));
  }

  /**
   * Begins an export.
   *
   * @param whileAllowed ends it when its caller may not call any more
   * @param cut ends the connection, when the export ends before its end; must not block
   * @return lines; never complete when it was cut, since HTTP would end the answer before the cut
   * @throws ProblemException when too many are under way, or the tenant has its share
   */
  Multi<Lines> begin(
      String tenant, TaskRange range, UnaryOperator<Multi<String>> whileAllowed, Runnable cut) {
    Export export = new Export(tenant, range, cut);
    export.enter();
    return Multi.createBy()
        .repeating()
        .uni(
            () ->
                Uni.createFrom()
                    .item(export::next)
                    .runSubscriptionOn(Infrastructure.getDefaultWorkerPool()))
        .until(String::isEmpty)
        .plug(whileAllowed)
        .map(Lines::new)
        .onTermination()
        .invoke((failure, canceled) -> export.end(failure))
        .onCompletion()
        .switchTo(
            () -> export.complete ? Multi.createFrom().empty() : Multi.createFrom().nothing());
  }

  /** How many are under way. */
  long open() {
    return share.held();
  }

  /** One export; its pages are asked for one after the other. */
  private final class Export {

    private final String tenant;
    private final Runnable cut;
    private TaskRange range;
    private volatile boolean complete;
    private volatile boolean over;
    private @Nullable Permit place;
    private Waits.@Nullable Wait wait;

    Export(String tenant, TaskRange range, Runnable cut) {
      this.tenant = tenant;
      this.range = range;
      this.cut = cut;
    }

    void enter() {
      Permit entered = share.enter(tenant, 1, this::evict).orThrow();
      place = entered;
      try {
        wait = waits.begin(tenant, this::evict);
      } catch (ProblemException e) {
        entered.close();
        throw e;
      }
    }

    /** The next lines; empty behind the last ones. */
    String next() {
      if (over) {
        return "";
      }
      List<Task> page = tasks.oldest(tenant, range, PAGE, PAGE_BYTES);
      if (page.isEmpty()) {
        complete = true;
        return "";
      }
      String to = page.get(page.size() - 1).id();
      range = range.behind(to);
      return page.stream().map(this::line).collect(Collectors.joining("\n"));
    }

    private String line(Task task) {
      try {
        return json.writeValueAsString(
            new Line(TaskView.of(task), cursors.seal(LIST, tenant, task.id())));
      } catch (JsonProcessingException e) {
        throw new IllegalStateException("a task cannot be shown", e);
      }
    }

    private void evict() {
      over = true;
      cut.run();
    }

    void end(@Nullable Throwable failure) {
      boolean evicted = over;
      over = true;
      if (place != null) {
        place.close();
      }
      if (wait != null) {
        wait.close();
      }
      if (failure != null) {
        // Whoever answers reports it, or cuts what has begun.
        LOG.warnf(failure, "an export of tenant=%s ended", tenant);
      } else if (!complete && !evicted) {
        cut.run();
      }
    }
  }
}
