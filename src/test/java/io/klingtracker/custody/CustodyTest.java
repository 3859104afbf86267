package io.klingtracker.custody;

import static io.klingtracker.testing.Rows.count;
import static io.klingtracker.testing.Rows.number;
import static io.klingtracker.testing.Rows.text;
import static io.klingtracker.testing.Rows.texts;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.klingtracker.custody.CustodyStore.Claimed;
import io.klingtracker.custody.MediaServer.Way;
import io.klingtracker.egress.PinnedClient;
import io.klingtracker.egress.TargetPolicy;
import io.klingtracker.presence.DeadClaims;
import io.klingtracker.presence.ReplicaId;
import io.klingtracker.storage.Storage;
import io.klingtracker.storage.StorageConfig;
import io.klingtracker.task.GivenTask;
import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.testing.NotifyingEvent;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.SameThread;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestClock;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.ResultHosts;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What becomes of results, whatever Kling's server, the disk and other replicas do. */
class CustodyTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final Instant NOW = Instant.parse("2026-03-31T12:00:00.5Z");
  private static final Duration LINK = Duration.ofDays(30);
  private static final long MOST = 1 << 20;

  private static Vertx vertx;
  private static MediaServer server;

  @TempDir Path folder;

  private final Jdbi jdbi = DATABASE.jdbi();
  private final TestClock clock = new TestClock(NOW);
  private final Tasks tasks = TasksOnDatabase.keeping(jdbi, clock, "https://t.example/v1/tasks/");
  private final CustodyStore store = new CustodyStore(jdbi);
  private final MeterRegistry registry = new SimpleMeterRegistry();
  private final ReplicaId me = new ReplicaId();
  private Duration idle = Duration.ofMinutes(1);
  private final List<String> told = new ArrayList<>();

  @BeforeAll
  static void start() {
    vertx = Vertx.vertx();
    server = new MediaServer(vertx);
  }

  @AfterAll
  static void stop() {
    server.close();
    vertx.close();
  }

  @BeforeEach
  void tenants() {
    Rows.tenants(jdbi, "acme", "other");
    server.way = Way.WELL;
    server.forbidden = "";
    server.requests().clear();
  }

  private Custody custody() {
    return custody(me, new SameThread(), Optional.empty(), MOST, List.of("127.0.0.1"));
  }

  private Custody custody(
      ReplicaId replica,
      ExecutorService executor,
      Optional<Duration> keep,
      long most,
      List<String> hosts) {
    Storage storage =
        Storage.of(folder.toUri().toString(), Settings.of(StorageConfig.class, Map.of()));
    return new Custody(
        store,
        new Copier(client(), new ResultHosts(hosts), storage, most, idle),
        storage,
        keep,
        new NotifyingEvent<>(kept -> told.addAll(kept.taskIds())),
        executor,
        replica,
        registry,
        clock);
  }

  private static PinnedClient client() {
    return new PinnedClient(
        vertx,
        name -> {
          throw new AssertionError("nothing is looked up");
        },
        new TargetPolicy(true, List.of(), List.of()),
        new PinnedClient.Limits(Duration.ofSeconds(60), Duration.ofSeconds(90), 0, 8),
        null,
        Clock.systemUTC());
  }

  private String succeeded(String tenant, String... paths) {
    String urls =
        String.join(",", Stream.of(paths).map(p -> "{\"url\":\"" + server.url(p) + "\"}").toList());
    return ended(tenant, "{\"videos\":[" + urls + "]}");
  }

  private String ended(String tenant, String result) {
    String id = GivenTask.of(tenant).submit(tasks);
    tasks.apply(News.of(id, Source.POLL, new TaskSignal.Submitted()));
    tasks.apply(News.of(id, Source.POLL, new TaskSignal.Succeed(result)));
    jdbi.useHandle(h -> h.execute("delete from outbox"));
    return id;
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(Files::isRegularFile).sorted().toList();
    }
  }

  private double copies(String outcome) {
    return registry.get("tracker.custody.copies").tag("outcome", outcome).counter().count();
  }

  @Test
  void a_result_is_copied_once_and_shown() throws Exception {
    String id = succeeded("acme", "/a.mp4", "/b.mp4");
    assertEquals(
        "https://t.example/v1/tasks/" + id + "/content",
        text(jdbi, "select custody_url from task"));
    assertEquals(
        "https://t.example/v1/tasks/" + id + "/content",
        text(jdbi, "select payload ->> 'custody_url' from task_event where sequence = 3"));

    custody().runOnce();
    custody().runOnce();

    assertEquals(List.of("/a.mp4", "/b.mp4"), server.requests());
    List<Path> files = files();
    assertEquals(2, files.size());
    assertArrayEquals(MediaServer.FILE, Files.readAllBytes(files.get(0)));
    assertTrue(files.get(0).startsWith(folder.resolve("acme").resolve(id)), files.toString());
    JsonNode results = new ObjectMapper().readTree(text(jdbi, "select results::text from task"));
    assertEquals(2, results.size());
    assertEquals(1, results.at("/1/index").asInt());
    assertEquals("video/mp4", results.at("/0/type").asText());
    assertEquals(MediaServer.FILE.length, results.at("/0/bytes").asInt());
    assertEquals(
        HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(MediaServer.FILE)),
        results.at("/0/sha256").asText());
    assertEquals("2026-03-31T12:00:00.500Z", results.at("/0/kept_at").asText());
    assertEquals(0, count(jdbi, "custody_queue"));
    assertEquals(
        1, count(jdbi, "outbox where sequence = 0 and task_id = '" + id + "'"), "its newest state");
    assertEquals(List.of(id), told);
    assertEquals(2.0, copies("copied"));
  }

  @Test
  void without_custody_nothing_is_copied_and_nothing_shown() {
    Tasks without = TasksOnDatabase.of(jdbi, clock);
    String id = GivenTask.of("acme").submit(without);
    without.apply(
        News.of(
            id,
            Source.POLL,
            new TaskSignal.Succeed("{\"videos\":[{\"url\":\"" + server.url("/a") + "\"}]}")));

    assertEquals(0, count(jdbi, "custody_queue"));
    assertEquals(1, count(jdbi, "task where custody_url is null and results is null"));
  }

  @Test
  void a_result_without_content_owes_nothing() {
    ended("acme", "{\"elements\":[{\"element_id\":1}]}");
    custody().runOnce();
    assertEquals(0, count(jdbi, "custody_queue"));
    assertEquals(List.of(), told);
  }

  @ParameterizedTest
  @CsvSource({
    "CUT, the connection broke before the answer was complete",
    "CUT_CHUNKED, the connection broke before the answer was complete",
    "SHORT, the connection broke before the answer was complete",
    "SILENT, nothing came for too long",
    "EMPTY, 'what came is no video, picture or sound'",
    "FORBIDDEN, Kling answered 403",
    "PAGE, 'what came is no video, picture or sound'",
    "ELSEWHERE, Kling answered 302",
  })
  void what_does_not_come_whole_is_not_kept_and_tried_again(Way way, String reason)
      throws IOException {
    succeeded("acme", "/a.mp4");
    server.way = way;
    // Nothing but its end can be the outcome there.
    idle = way == Way.SILENT ? Duration.ofMillis(300) : idle;
    custody().runOnce();

    assertEquals(List.of(), files());
    assertEquals(reason, text(jdbi, "select reason from custody_queue"));
    assertEquals(0, count(jdbi, "custody_queue where claimed_by is not null"));
    assertEquals(1, count(jdbi, "task where results is null"));
    long wait =
        number(
            jdbi,
            "select extract(epoch from due_at - timestamptz '"
                + NOW
                + "')::bigint from custody_queue");
    assertTrue(wait >= 8 && wait <= 12, wait + " s");
    assertEquals(1.0, copies("failed"));

    server.way = Way.WELL;
    idle = Duration.ofMinutes(1);
    custody().runOnce();
    assertEquals(1, server.requests().size(), "not before its time");
    clock.advance(Duration.ofSeconds(13));
    custody().runOnce();
    assertEquals(1, files().size());
    assertEquals(0, count(jdbi, "custody_queue"));
  }

  @Test
  void what_was_copied_is_not_copied_again_for_what_was_not() throws IOException {
    String id = succeeded("acme", "/a.mp4", "/b.mp4");
    server.forbidden = "/b.mp4";
    custody().runOnce();
    assertEquals(1, files().size());
    assertEquals("Kling answered 403", text(jdbi, "select reason from custody_queue"));
    assertEquals(List.of(id), told, "what there is, is shown");

    server.forbidden = "";
    clock.advance(Duration.ofSeconds(13));
    custody().runOnce();
    assertEquals(List.of("/a.mp4", "/b.mp4", "/b.mp4"), server.requests());
    assertEquals(2, number(jdbi, "select json_array_length(results) from task"));
  }

  @Test
  void a_copy_whose_claim_was_lost_before_it_was_shown_is_shown_by_the_next() {
    String id = succeeded("acme", "/a.mp4");
    custody().runOnce();
    jdbi.useHandle(
        h -> {
          h.execute("update task set results = null");
          h.execute("delete from outbox");
          h.execute(
              "insert into custody_queue (task_id, tenant_id, due_at) select id, tenant_id, created_at from task");
        });
    told.clear();

    custody().runOnce();

    assertEquals(List.of("/a.mp4"), server.requests(), "copied once");
    assertEquals(1, count(jdbi, "task where results is not null"));
    assertEquals(List.of(id), told);
    assertEquals(0, count(jdbi, "custody_queue"));
  }

  @Test
  void it_is_tried_until_the_link_is_dead() {
    succeeded("acme", "/a.mp4");
    server.way = Way.FORBIDDEN;
    Custody custody = custody();
    int tries = 0;
    while (count(jdbi, "custody_queue") > 0) {
      tries++;
      custody.runOnce();
      clock.advance(Duration.ofHours(2));
      assertTrue(clock.instant().isBefore(NOW.plus(LINK).plus(Duration.ofHours(3))), "it ends");
    }
    assertTrue(tries > 300, tries + " tries");
    assertTrue(clock.instant().isAfter(NOW.plus(LINK).minus(Duration.ofHours(4))), "not sooner");
    assertEquals(1.0, copies("lost"));
    assertEquals(1, count(jdbi, "task where results is null"));
  }

  @Test
  void what_is_too_large_is_given_up_at_once_whether_it_says_so_or_not() throws IOException {
    succeeded("acme", "/a.mp4");
    server.way = Way.ENDLESS;
    custody().runOnce();
    assertEquals(0, count(jdbi, "custody_queue"));
    assertEquals(1.0, copies("lost"));

    succeeded("acme", "/b.mp4");
    server.way = Way.WELL;
    custody(
            me,
            new SameThread(),
            Optional.empty(),
            MediaServer.FILE.length - 1,
            List.of("127.0.0.1"))
        .runOnce();
    assertEquals(0, count(jdbi, "custody_queue"));
    assertEquals(List.of(), files());
  }

  @Test
  void nothing_is_fetched_but_from_klings_hosts() {
    succeeded("acme", "/a.mp4");
    ended("acme", "{\"videos\":[{\"url\":\"file:///etc/passwd\"}]}");
    custody(me, new SameThread(), Optional.empty(), MOST, List.of("klingai.com")).runOnce();
    assertEquals(List.of(), server.requests());
    assertEquals(
        List.of("127.0.0.1 is none of kling.result-hosts"),
        texts(jdbi, "select reason from custody_queue"));
    assertEquals(1.0, copies("lost"), "what is no URL will never be one");
  }

  @Test
  void a_disk_that_takes_nothing_loses_nothing() throws IOException {
    succeeded("acme", "/a.mp4");
    Files.writeString(folder.resolve("acme"), "in the way");
    custody().runOnce();
    assertEquals(1, count(jdbi, "custody_queue where reason is not null"));

    Files.delete(folder.resolve("acme"));
    clock.advance(Duration.ofSeconds(13));
    custody().runOnce();
    assertEquals(1, files().size());
  }

  @Test
  void two_replicas_copy_each_result_once() throws Exception {
    List<String> ids =
        IntStream.range(0, 40)
            .mapToObj(i -> succeeded(i % 2 == 0 ? "acme" : "other", "/" + i))
            .toList();
    ExecutorService threads = Executors.newFixedThreadPool(8);
    try {
      List<Custody> replicas =
          Stream.of(me, new ReplicaId())
              .map(id -> custody(id, threads, Optional.empty(), MOST, List.of("127.0.0.1")))
              .toList();
      ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
      CountDownLatch done = new CountDownLatch(2);
      for (Custody replica : replicas) {
        new Thread(
                () -> {
                  try {
                    while (count(jdbi, "custody_queue") > 0) {
                      replica.runOnce();
                    }
                  } catch (RuntimeException e) {
                    failures.add(e);
                  } finally {
                    done.countDown();
                  }
                })
            .start();
      }
      assertTrue(
          done.await(120, TimeUnit.SECONDS),
          () -> "left: " + texts(jdbi, "select coalesce(reason, claimed_by) from custody_queue"));
      assertEquals(List.of(), List.copyOf(failures));
    } finally {
      threads.shutdown();
      assertTrue(threads.awaitTermination(60, TimeUnit.SECONDS));
    }
    assertEquals(40, server.requests().size());
    assertEquals(40, Set.copyOf(server.requests()).size());
    assertEquals(40, files().size());
    assertEquals(
        new TreeSet<>(ids), new TreeSet<>(texts(jdbi, "select task_id from custody_copy")));
  }

  @Test
  void tenants_take_turns_and_none_has_all_places() {
    for (int i = 0; i < 30; i++) {
      succeeded("acme", "/a" + i);
    }
    for (int i = 0; i < 3; i++) {
      succeeded("other", "/o" + i);
    }
    List<Claimed> first = store.claim(me.claim(1), 4, 6, clock.instant());
    assertEquals(2, first.stream().filter(one -> one.tenant().equals("other")).count());
    List<Claimed> next = store.claim(me.claim(2), 8, 6, clock.instant());
    assertEquals(
        List.of(4L, 1L),
        List.of(
            next.stream().filter(one -> one.tenant().equals("acme")).count(),
            next.stream().filter(one -> one.tenant().equals("other")).count()));
    assertEquals(List.of(), store.claim(me.claim(3), 8, 6, clock.instant()));
  }

  @Test
  void what_a_dead_replica_was_copying_another_copies_and_the_dead_one_spoils_nothing()
      throws Exception {
    String id = succeeded("acme", "/a.mp4");
    Claimed dead = store.claim(new ReplicaId().claim(1), 1, 6, clock.instant()).get(0);
    custody().runOnce();
    assertEquals(List.of(), server.requests());

    assertEquals(1, DeadClaims.free(jdbi, "custody_queue"));
    custody().runOnce();
    assertEquals(1, files().size());
    // It was only slow, and comes to its end now.
    custody().copy(dead);

    assertEquals(1, files().size(), "its own copy is removed");
    assertEquals(1, number(jdbi, "select json_array_length(results) from task"));
    assertEquals(List.of(id), told);
  }

  @Test
  void a_task_that_is_erased_meanwhile_leaves_no_copy() throws Exception {
    succeeded("acme", "/a.mp4");
    Claimed claimed = store.claim(me.claim(1), 1, 6, clock.instant()).get(0);
    jdbi.useHandle(h -> h.execute("delete from task"));
    custody().copy(claimed);
    assertEquals(List.of(), files());
    assertEquals(0, count(jdbi, "custody_copy"));
  }

  @Test
  void a_claim_of_ours_that_nobody_works_on_is_free_again() {
    succeeded("acme", "/a.mp4");
    store.claim(me.claim(1), 1, 6, clock.instant());
    store.letGo(new ReplicaId().id(), List.of());
    assertEquals(1, count(jdbi, "custody_queue where claimed_by is not null"));
    store.letGo(me.id(), List.of(text(jdbi, "select task_id from custody_queue")));
    assertEquals(1, count(jdbi, "custody_queue where claimed_by is not null"));
    store.letGo(me.id(), List.of());
    assertEquals(0, count(jdbi, "custody_queue where claimed_by is not null"));
  }

  @Test
  void copies_go_when_they_are_old_and_their_tasks_say_so() throws IOException {
    String old = succeeded("acme", "/a.mp4");
    Custody custody =
        custody(me, new SameThread(), Optional.of(Duration.ofDays(90)), MOST, List.of("127.0.0.1"));
    custody.runOnce();
    clock.advance(Duration.ofDays(1));
    succeeded("acme", "/b.mp4");
    custody.runOnce();
    clock.advance(Duration.ofDays(89).minusMillis(1));
    custody.deleteOnce();
    assertEquals(2, files().size());
    told.clear();

    clock.advance(Duration.ofMillis(2));
    assertFalse(custody.deleteOnce());
    assertEquals(1, files().size());
    assertEquals(1, count(jdbi, "task where results is null and id = '" + old + "'"));
    assertEquals(1, count(jdbi, "task where results is not null"));
    assertEquals(List.of(old), told);
  }

  @Test
  void copies_of_what_is_erased_go_at_once_and_are_shown_no_more() throws IOException {
    String id = succeeded("acme", "/a.mp4");
    custody().runOnce();
    assertTrue(store.copy("acme", id, 0).isPresent());
    assertTrue(store.copy("other", id, 0).isEmpty(), "it is none of another's");
    jdbi.useHandle(h -> h.execute("update custody_copy set erased_at = now()"));
    assertTrue(store.copy("acme", id, 0).isEmpty());

    assertFalse(custody().deleteOnce());
    assertEquals(List.of(), files());
    assertEquals(0, count(jdbi, "custody_copy"));
  }
}
