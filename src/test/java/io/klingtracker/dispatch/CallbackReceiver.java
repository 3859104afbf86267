package io.klingtracker.dispatch;

import io.klingtracker.kling.KlingNews;
import io.klingtracker.kling.KlingReader;
import io.klingtracker.task.Source;
import io.klingtracker.task.Tasks;
import io.klingtracker.task.TasksChanged;
import io.klingtracker.task.TasksOnDatabase;
import io.klingtracker.upstream.KlingWords;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerRequest;
import java.io.IOException;
import java.time.Clock;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jdbi.v3.core.Jdbi;

/** Takes Kling's callbacks as a third replica would, and believes them. */
final class CallbackReceiver implements AutoCloseable {

  private final Vertx vertx;
  private final Tasks tasks;
  private final List<Replica> replicas = new CopyOnWriteArrayList<>();
  private final HttpServer server;

  CallbackReceiver(Vertx vertx, Jdbi jdbi, Clock clock) {
    this.vertx = vertx;
    this.tasks = TasksOnDatabase.of(jdbi, clock, this::changed);
    this.server = vertx.createHttpServer().requestHandler(this::receive);
    server.listen(0, "localhost").toCompletionStage().toCompletableFuture().join();
  }

  String url() {
    return "http://localhost:" + server.actualPort();
  }

  /** Wakes this one when something changed, as its own commits would. */
  void tell(Replica replica) {
    replicas.add(replica);
  }

  private void changed(TasksChanged changes) {
    replicas.forEach(replica -> replica.changed(changes));
  }

  private void receive(HttpServerRequest request) {
    String taskId = request.path().split("/")[3];
    request
        .body()
        .onSuccess(
            body -> {
              Callable<Boolean> work = () -> apply(taskId, body);
              vertx
                  .executeBlocking(work, false)
                  .onComplete(
                      done -> request.response().setStatusCode(done.succeeded() ? 200 : 503).end());
            });
  }

  private boolean apply(String taskId, Buffer body) throws IOException {
    KlingNews news = KlingReader.task(KlingReader.parse(body.getBytes())).orElseThrow();
    KlingWords.toNews(taskId, Source.CALLBACK, news, null).ifPresent(tasks::apply);
    return true;
  }

  @Override
  public void close() {
    server.close().toCompletionStage().toCompletableFuture().join();
  }
}
