package io.klingtracker.callback;

import static io.klingtracker.testing.Rows.status;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.kling.Charge;
import io.klingtracker.kling.CreateAnswer;
import io.klingtracker.kling.KlingClient;
import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingStatus;
import io.klingtracker.kling.ListAnswer;
import io.klingtracker.kling.PassthroughAnswer;
import io.klingtracker.kling.QueryAnswer;
import io.klingtracker.loops.SetAside;
import io.klingtracker.reconcile.ReconcileParts;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.Refusing;
import io.klingtracker.testing.SameThread;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.UpstreamParts;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.jdbi.v3.core.Jdbi;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whatever Kling answers about one task, those asked about beside it end in time. */
class OneBadAnswerTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Map<String, String> SETTINGS =
      Map.of("kling.accounts.default.api-key", "key", "tracker.reconcile.rate", "1000000");

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(Instant.parse("2026-03-01T10:00:00.000Z"));
  private final Tasks tasks = TasksOnDatabase.of(jdbi, clock);
  private final FakeKling kling = new FakeKling(new Random(1), clock, false);
  private @Nullable KlingNews poison;
  private boolean breaks;
  private int asked;
  private ReconcileParts reconciler;
  private String bad;

  @BeforeEach
  void a_task_at_kling() {
    GivenTasks.tenant(jdbi);
    start();
    bad = GivenTasks.sent(jdbi, tasks, clock.instant());
  }

  private void start() {
    UpstreamParts upstream = new UpstreamParts(jdbi, clock, tasks, SETTINGS);
    reconciler =
        new ReconcileParts(
            jdbi, clock, tasks, upstream, new Poisoned(), new SameThread(), SETTINGS);
  }

  @ParameterizedTest
  @CsvSource({
    "7, 1E+200000, processing",
    "7\u0000, 1, processing",
    "7, 1E+200000, succeed",
    "7, 1, MYSTERY"
  })
  void an_answer_that_cannot_be_stored_is_set_aside_and_its_task_expires(
      String id, BigDecimal units, String word) {
    poison = news(id, units, word);

    neighbourEnds();
    int before = asked;
    for (int i = 0; i < 5; i++) {
      clock.advance(Duration.ofHours(1));
      neighbourEnds();
    }

    assertTrue(asked - before <= 20, "asked " + (asked - before) + " times");
    clock.advance(Duration.ofDays(1));
    reconciler.runOnce();
    assertTrue(
        List.of("expired", "processing", "succeed").contains(status(jdbi, bad)), status(jdbi, bad));
  }

  @ParameterizedTest
  @CsvSource({
    "task, id",
    "task_event, task_id",
    "outbox, task_id",
    "task_news, task_id",
    "open_task, task_id",
  })
  void a_write_that_fails_for_one_task_delays_no_other(String table, String column) {
    for (String state : List.of("22003", "23514", "P0001")) {
      poison = news("7", BigDecimal.ONE, "processing");
      try (Refusing refusing = Refusing.rows(jdbi, table, column, bad, state)) {
        for (int i = 0; i < (state.equals("P0001") ? SetAside.MAX_ATTEMPTS + 1 : 4); i++) {
          neighbourEnds();
          clock.advance(Duration.ofMinutes(10));
        }
      }
      jdbi.useHandle(h -> h.execute("delete from set_aside"));
      jdbi.useHandle(h -> h.execute("update open_task set next_check_at = ?", now()));
    }
  }

  @Test
  void what_is_set_aside_is_listed_survives_a_restart_and_can_be_tried_again() {
    poison = news("7", BigDecimal.ONE, "succeed");
    try (Refusing refusing = Refusing.rows(jdbi, "task_event", "task_id", bad, "P0001")) {
      for (int i = 0; i < SetAside.MAX_ATTEMPTS; i++) {
        reconciler.runOnce();
        clock.advance(Duration.ofMinutes(10));
      }
    }
    SetAside.Item item = reconciler.setAside.page("check", SetAside.Position.START, 10).get(0);
    assertEquals("check:" + bad, item.id());
    assertEquals("acme", item.tenant());
    assertEquals(SetAside.MAX_ATTEMPTS, item.attempts());
    assertTrue(item.reason().contains("refused INSERT of task_event"), item.reason());

    start();
    int before = asked;
    reconciler.runOnce();
    assertEquals(before, asked);

    assertTrue(reconciler.setAside.retry(item.id()));
    reconciler.runOnce();
    assertEquals("succeed", status(jdbi, bad));
  }

  @Test
  void a_question_that_fails_is_asked_again_and_nothing_is_set_aside() {
    breaks = true;
    for (int i = 0; i < SetAside.MAX_ATTEMPTS + 1; i++) {
      neighbourEnds();
      clock.advance(Duration.ofMinutes(10));
    }
    assertEquals(List.of(), reconciler.setAside.page(null, SetAside.Position.START, 10));

    breaks = false;
    poison = news("7", BigDecimal.ONE, "succeed");
    reconciler.runOnce();
    assertEquals("succeed", status(jdbi, bad));
  }

  /** Another task that is due, and of which the same pass learns that it has ended. */
  private void neighbourEnds() {
    String good = GivenTasks.sent(jdbi, tasks, clock.instant());
    kling.accept("k" + good, good).becomes("succeed");
    reconciler.runOnce();
    assertEquals("succeed", status(jdbi, good));
  }

  private KlingNews news(String id, BigDecimal units, String word) {
    KlingStatus status =
        word.equals("MYSTERY")
            ? KlingStatus.UNKNOWN
            : KlingStatus.valueOf(word.toUpperCase(Locale.ROOT));
    return new KlingNews(id, bad, status, word, "", null, Charge.ofUnits(units), null, null);
  }

  private java.sql.Timestamp now() {
    return java.sql.Timestamp.from(clock.instant());
  }

  private final class Poisoned implements KlingClient {
    @Override
    public CompletionStage<CreateAnswer> create(
        String account, String path, String body, Instant notAfter) {
      return kling.create(account, path, body, notAfter);
    }

    @Override
    public CompletionStage<QueryAnswer> query(String account, String path) {
      if (!path.contains(bad) && !path.contains("/7")) {
        return kling.query(account, path);
      }
      asked++;
      KlingNews news = poison;
      return breaks || news == null
          ? CompletableFuture.failedFuture(new IllegalStateException("nobody foresaw this"))
          : CompletableFuture.completedFuture(new QueryAnswer.Found(news));
    }

    @Override
    public CompletionStage<PassthroughAnswer> forward(String account, String path, String body) {
      return kling.forward(account, path, body);
    }

    @Override
    public CompletionStage<ListAnswer> page(String account, String path, int page) {
      return kling.page(account, path, page);
    }

    @Override
    public CompletionStage<ListAnswer> created(
        String account, Instant from, Instant to, @Nullable String after) {
      return kling.created(account, from, to, after);
    }

    @Override
    public CompletionStage<ListAnswer> tasks(String account, Collection<String> ids) {
      return kling.tasks(account, ids);
    }

    @Override
    public CompletionStage<ListAnswer> tasksByExternalId(String account, Collection<String> ids) {
      return kling.tasksByExternalId(account, ids);
    }

    @Override
    public boolean takesIds(String account) {
      return kling.takesIds(account);
    }
  }
}
