package io.klingtracker.api;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.task.News;
import io.klingtracker.task.Source;
import io.klingtracker.task.TaskSignal;
import io.klingtracker.task.Tasks;
import io.klingtracker.testing.TestTenant;
import io.klingtracker.testing.TrackerStack;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpMethod;
import jakarta.inject.Inject;
import java.net.URI;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jdbi.v3.core.Jdbi;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/**
 * Long-polls and streams held open while changes are committed; prints how long a change takes from
 * its commit to the client. A measurement, not a judgement:
 *
 * <pre>mvn test -Dtest=WatchLoadTest -Dbuild.load=5000 [-Dbuild.load.rate=500]</pre>
 */
@Tag("story")
@QuarkusTest
@QuarkusTestResource(TrackerStack.class)
@EnabledIfSystemProperty(named = "build.load", matches = "[0-9]+")
class WatchLoadTest {

  private static final int WAITERS = Integer.getInteger("build.load", 5000);
  private static final int RATE = Integer.getInteger("build.load.rate", 500);
  private static final int TICKS_A_SECOND = 10;
  private static final int CONNECTING = 200;

  @Inject Jdbi jdbi;
  @Inject Tasks tasks;

  @TestHTTPResource URI base;

  private final Map<String, Long> committed = new ConcurrentHashMap<>();
  private final Map<String, Long> polled = new ConcurrentHashMap<>();
  private final Map<String, Long> streamed = new ConcurrentHashMap<>();

  @Test
  void changes_reach_all_who_wait() throws InterruptedException {
    TestTenant tenant = TestTenant.create();
    List<String> ids = running(tenant.id());
    Vertx vertx = Vertx.vertx();
    HttpClient client =
        vertx.createHttpClient(
            new HttpClientOptions().setMaxPoolSize(2 * WAITERS).setKeepAlive(true));
    try {
      CountDownLatch polls = new CountDownLatch(WAITERS);
      CountDownLatch streams = new CountDownLatch(WAITERS);
      Semaphore connecting = new Semaphore(CONNECTING);
      CountDownLatch opened = new CountDownLatch(WAITERS);
      for (String id : ids) {
        connecting.acquire();
        stream(client, tenant, id, connecting, opened, streams);
        poll(client, tenant, id, polls);
      }
      opened.await(2, TimeUnit.MINUTES);
      System.out.printf("%d streams open, as many long-polls sent%n", WAITERS - opened.getCount());

      change(ids);

      polls.await(1, TimeUnit.MINUTES);
      streams.await(1, TimeUnit.MINUTES);
      print("long-poll", polled);
      print("stream", streamed);
      assertEquals(WAITERS, polled.size());
    } finally {
      client.close();
      vertx.close();
    }
  }

  /** Tasks that nothing else moves: submitted, and in no queue. */
  private List<String> running(String tenant) {
    return jdbi.withHandle(
        h ->
            h.createQuery(
                    """
                    insert into task (id, tenant_id, kind, status, previous_status, sequence, feed_position, created_at, updated_at)
                    select 'task_' || substr(md5(:tenant || i), 1, 26), :tenant, 'text2video', 'submitted', 'queued', 2,
                      pg_current_xact_id()::text::bigint, now(), now()
                    from generate_series(1, :count) i
                    returning id
                    """)
                .bind("tenant", tenant)
                .bind("count", WAITERS)
                .mapTo(String.class)
                .list());
  }

  private void poll(HttpClient client, TestTenant tenant, String id, CountDownLatch done) {
    client
        .request(
            HttpMethod.GET, base.getPort(), base.getHost(), "/v1/tasks/" + id + "?wait=60&after=2")
        .compose(request -> request.putHeader("Authorization", "Bearer " + tenant.apiKey()).send())
        .compose(answer -> answer.body())
        .onComplete(
            answer -> {
              if (answer.succeeded() && answer.result().toString().contains("processing")) {
                polled.put(id, System.nanoTime());
              }
              done.countDown();
            });
  }

  private void stream(
      HttpClient client,
      TestTenant tenant,
      String id,
      Semaphore connecting,
      CountDownLatch opened,
      CountDownLatch done) {
    client
        .request(HttpMethod.GET, base.getPort(), base.getHost(), "/v1/tasks/" + id + "/events")
        .compose(request -> request.putHeader("Authorization", "Bearer " + tenant.apiKey()).send())
        .onComplete(
            answer -> {
              connecting.release();
              opened.countDown();
              if (answer.failed() || answer.result().statusCode() != 200) {
                done.countDown();
                return;
              }
              answer
                  .result()
                  .handler(
                      chunk -> {
                        if (chunk.toString().contains("processing")
                            && streamed.putIfAbsent(id, System.nanoTime()) == null) {
                          done.countDown();
                        }
                      });
            });
  }

  private void change(List<String> ids) throws InterruptedException {
    int size = Math.max(1, RATE / TICKS_A_SECOND);
    long begun = System.nanoTime();
    for (int i = 0; i * size < ids.size(); i++) {
      long due = begun + TimeUnit.SECONDS.toNanos(1) / TICKS_A_SECOND * i;
      TimeUnit.NANOSECONDS.sleep(due - System.nanoTime());
      List<String> batch = ids.subList(i * size, Math.min(ids.size(), (i + 1) * size));
      tasks.apply(
          batch.stream().map(id -> News.of(id, Source.POLL, new TaskSignal.Processing())).toList());
      long now = System.nanoTime();
      batch.forEach(id -> committed.put(id, now));
    }
  }

  private void print(String what, Map<String, Long> arrived) {
    List<Long> took = new ArrayList<>();
    arrived.forEach((id, at) -> took.add(Math.max(0, at - committed.getOrDefault(id, at))));
    Collections.sort(took);
    if (took.isEmpty()) {
      System.out.printf("%s: nothing arrived%n", what);
      return;
    }
    System.out.printf(
        "%s: %d of %d at %d changes/s, commit to client p50 %.1f ms, p99 %.1f ms, worst %.1f ms%n",
        what,
        took.size(),
        WAITERS,
        RATE,
        took.get(took.size() / 2) / 1e6,
        took.get(took.size() * 99 / 100) / 1e6,
        took.get(took.size() - 1) / 1e6);
  }
}
