package io.klingtracker.database;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GroupCommitTest {

  private static final GroupCommit.Bounds ONE_WRITER = new GroupCommit.Bounds(true, 100, 1, 8);
  private static final String KEY = "key";

  /** The groups that were tried, in order. */
  private final List<List<String>> tried = Collections.synchronizedList(new ArrayList<>());

  private final CountDownLatch gate = new CountDownLatch(1);

  private static final class Refused extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Refused(String state) {
      super("refused", new SQLException("refused", state));
    }
  }

  @Test
  void alone_an_item_is_written_by_its_caller() {
    List<Thread> threads = new ArrayList<>();
    try (GroupCommit<String, String> commit =
        new GroupCommit<>(
            "items",
            ONE_WRITER,
            items -> {
              threads.add(Thread.currentThread());
              return items;
            })) {
      assertEquals("a", commit.add(KEY, "a").toCompletableFuture().getNow("not yet"));
    }
    assertEquals(List.of(Thread.currentThread()), threads);
  }

  @Test
  void what_comes_meanwhile_is_written_together_and_bounded() {
    List<String> answers = behindAClosedGate(ONE_WRITER, 10, this::write);

    assertEquals(
        List.of(
            List.of("first"), List.of("0", "1", "2", "3", "4", "5", "6", "7"), List.of("8", "9")),
        tried);
    assertEquals(items(10), answers);
  }

  @Test
  void a_poisoned_item_harms_no_neighbour() {
    List<String> answers =
        behindAClosedGate(
            ONE_WRITER,
            6,
            items -> {
              write(items);
              if (items.contains("3")) {
                throw new Refused("22021");
              }
              return items;
            });

    assertEquals(List.of("0", "1", "2", "refused", "4", "5"), answers);
    assertEquals(
        List.of(
            List.of("first"),
            items(6),
            List.of("0"),
            List.of("1"),
            List.of("2"),
            List.of("3"),
            List.of("4"),
            List.of("5")),
        tried);
  }

  @Test
  void when_the_database_is_away_nobody_waits_for_another_time_out() {
    List<String> answers =
        behindAClosedGate(
            ONE_WRITER,
            20,
            items -> {
              write(items);
              throw new Refused("08006");
            });

    // All that waited when the first failed.
    assertEquals(1, tried.size());
    assertEquals(Collections.nCopies(20, "UNAVAILABLE"), answers);
  }

  @Test
  void one_locked_item_harms_no_neighbour() {
    List<String> answers =
        behindAClosedGate(
            ONE_WRITER,
            5,
            items -> {
              if (items.contains("1")) {
                throw new Refused("55P03");
              }
              return write(items);
            });

    assertEquals(List.of("0", "refused", "2", "3", "4"), answers);
  }

  @Test
  void when_everything_is_locked_the_rest_is_put_off() {
    List<String> answers =
        behindAClosedGate(
            ONE_WRITER,
            20,
            items -> {
              write(items);
              if (!items.contains("first")) {
                throw new Refused("55P03");
              }
              return items;
            });

    assertEquals(List.of("refused", "refused"), answers.subList(0, 2));
    assertEquals(Collections.nCopies(18, "UNAVAILABLE"), answers.subList(2, 20));
    assertEquals(4, tried.size());
  }

  @Test
  void more_than_may_wait_is_put_off_at_once() {
    List<String> answers = behindAClosedGate(new GroupCommit.Bounds(true, 4, 1, 8), 6, this::write);

    assertEquals(List.of("0", "1", "2", "3", "UNAVAILABLE", "UNAVAILABLE"), answers);
  }

  @Test
  void closing_writes_what_waits_and_takes_no_more() throws Exception {
    GroupCommit<String, String> commit = new GroupCommit<>("items", ONE_WRITER, this::gated);
    Thread first = new Thread(() -> commit.add(KEY, "first"));
    first.start();
    awaitFirst();
    CompletionStage<String> waiting = commit.add(KEY, "0");
    gate.countDown();

    commit.close();

    assertEquals("0", waiting.toCompletableFuture().getNow("not yet"));
    assertEquals("UNAVAILABLE", answer(commit.add(KEY, "1")));
    first.join();
  }

  @Test
  void off_means_a_statement_each_in_the_caller_s_thread() {
    try (GroupCommit<String, String> commit =
        new GroupCommit<>("items", new GroupCommit.Bounds(false, 1, 1, 8), this::write)) {
      items(3).forEach(item -> assertEquals(item, answer(commit.add(KEY, item))));
    }
    assertEquals(List.of(List.of("0"), List.of("1"), List.of("2")), tried);
  }

  @Test
  void an_answer_too_few_is_a_fault_and_not_a_wrong_answer() {
    try (GroupCommit<String, String> commit =
        new GroupCommit<>("items", ONE_WRITER, items -> List.of())) {
      CompletionException failure =
          assertThrows(
              CompletionException.class, () -> commit.add(KEY, "a").toCompletableFuture().join());
      assertInstanceOf(IllegalStateException.class, failure.getCause());
    }
  }

  /**
   * Senders each of whose keys must stay in order, over several writers, while groups fail as a
   * whole, single items fail for good, and the database goes away now and then.
   */
  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
  void order_per_key_holds_across_writers_and_each_is_answered_once(long seed) throws Exception {
    int senders = 6;
    int each = 300;
    Map<Integer, List<Integer>> written = new ConcurrentHashMap<>();
    AtomicInteger answered = new AtomicInteger();
    Map<String, String> answers = new ConcurrentHashMap<>();
    AtomicInteger statements = new AtomicInteger();
    GroupCommit.Write<int[], String> write =
        items -> {
          int statement = statements.incrementAndGet();
          Random random = new Random(seed * 1_000_003 + statement);
          if (items.size() > 1 && random.nextInt(4) == 0) {
            throw new Refused("40P01");
          }
          if (random.nextInt(40) == 0) {
            throw new Refused("08006");
          }
          for (int[] item : items) {
            if (isPoison(item)) {
              throw new Refused("22021");
            }
          }
          for (int[] item : items) {
            written
                .computeIfAbsent(item[0], key -> Collections.synchronizedList(new ArrayList<>()))
                .add(item[1]);
          }
          return items.stream().map(item -> item[0] + ":" + item[1]).toList();
        };
    ExecutorService threads = Executors.newFixedThreadPool(senders);
    try (GroupCommit<int[], String> commit =
        new GroupCommit<>("items", new GroupCommit.Bounds(true, 10_000, 3, 16), write)) {
      List<Future<?>> sending = new ArrayList<>();
      for (int sender = 0; sender < senders; sender++) {
        int key = sender;
        sending.add(
            threads.submit(
                () -> {
                  for (int number = 0; number < each; number++) {
                    int[] item = {key, number};
                    commit
                        .add(key, item)
                        .whenComplete(
                            (done, failure) -> {
                              answered.incrementAndGet();
                              answers.put(item[0] + ":" + item[1], done == null ? "failed" : done);
                            });
                  }
                }));
      }
      for (Future<?> sender : sending) {
        sender.get(60, TimeUnit.SECONDS);
      }
    } finally {
      threads.shutdownNow();
    }

    String message = "seed " + seed;
    assertEquals(senders * each, answered.get(), message);
    assertEquals(senders * each, answers.size(), message);
    for (int key = 0; key < senders; key++) {
      List<Integer> order = written.getOrDefault(key, List.of());
      assertEquals(order.stream().sorted().distinct().toList(), order, message + " key " + key);
      int owner = key;
      List<Integer> acknowledged =
          IntStream.range(0, each)
              .filter(number -> answers.get(owner + ":" + number).equals(owner + ":" + number))
              .boxed()
              .toList();
      assertEquals(acknowledged, order, message + " key " + key);
    }
    assertTrue(answers.values().stream().anyMatch("failed"::equals), message);
  }

  private static boolean isPoison(int[] item) {
    return item[1] % 97 == 13;
  }

  private List<String> write(List<String> items) {
    tried.add(List.copyOf(items));
    return items;
  }

  private List<String> gated(List<String> items) {
    List<String> written = write(items);
    try {
      gate.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    return written;
  }

  /** The answers to items that come while the first is being written. */
  private List<String> behindAClosedGate(
      GroupCommit.Bounds bounds, int count, GroupCommit.Write<String, String> write) {
    CountDownLatch begun = new CountDownLatch(1);
    try (GroupCommit<String, String> commit =
        new GroupCommit<>(
            "items",
            bounds,
            items -> {
              begun.countDown();
              try {
                gate.await();
              } catch (InterruptedException e) {
                throw new IllegalStateException(e);
              }
              return write.all(items);
            })) {
      CompletableFuture<Void> first =
          CompletableFuture.runAsync(
              () -> commit.add(KEY, "first"), task -> new Thread(task).start());
      begun.await();
      List<CompletionStage<String>> stages =
          items(count).stream().map(item -> commit.add(KEY, item)).toList();
      gate.countDown();
      first.join();
      return stages.stream().map(GroupCommitTest::answer).collect(Collectors.toList());
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private void awaitFirst() {
    while (tried.isEmpty()) {
      Thread.onSpinWait();
    }
  }

  private static List<String> items(int count) {
    return IntStream.range(0, count).mapToObj(Integer::toString).toList();
  }

  /** What was said, or the word for why nothing was. */
  private static String answer(CompletionStage<String> stage) {
    try {
      return stage.toCompletableFuture().orTimeout(10, TimeUnit.SECONDS).join();
    } catch (CompletionException e) {
      if (e.getCause() instanceof ProblemException problem) {
        assertSame(ErrorCode.UNAVAILABLE, problem.code());
        assertNotNull(problem.retryAfter());
        return problem.code().name();
      }
      return String.valueOf(e.getCause().getMessage());
    }
  }
}
