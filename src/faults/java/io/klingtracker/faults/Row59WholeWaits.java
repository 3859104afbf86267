package io.klingtracker.faults;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Waits of the whole time that is allowed, on every front, while nothing happens. */
@Field
final class Row59WholeWaits extends Row {

  /** The longest wait that may be asked for. */
  private static final Duration WHOLE = Duration.ofSeconds(60);

  /** With the legacy front's model, whose default is discontinued; the newer one passes it over. */
  private static final String BODY =
      "{\"model_name\":\"kling-v3\",\"prompt\":\"a cat that takes its time\"}";

  Row59WholeWaits() {
    super(59, "waits of 60 s while nothing happens", "each is answered when its time is over");
  }

  @Override
  void attack(Scene scene) throws Exception {
    Installation installation = scene.installation();
    Tenant tenant = installation.tenant("waits");
    Tenant silent = installation.tenant("silent");
    pause(installation, "pause");
    ExecutorService threads = Executors.newCachedThreadPool();
    try {
      String id =
          submit(installation, tenant, "/kling/v1/videos/text2video", Map.of())
              .json()
              .at("/data/task_id")
              .asText();
      String task = installation.url() + "/v1/tasks/" + id + "?wait=60";
      Map<String, Callable<Calls.Answer>> waits = new LinkedHashMap<>();
      Map<String, String> prefer = Map.of("Prefer", "wait=60");
      waits.put(
          "Prefer, legacy",
          () -> submit(installation, tenant, "/kling/v1/videos/text2video", prefer));
      waits.put(
          "Prefer, newer",
          () -> submit(installation, tenant, "/kling/text-to-video/kling-3.0", prefer));
      waits.put("task", () -> get(installation, task, tenant));
      waits.put("task, after", () -> get(installation, task + "&after=1", tenant));
      waits.put("feed", () -> get(installation, installation.url() + "/v1/events?wait=60", silent));
      List<Future<Calls.Answer>> answers = new ArrayList<>();
      for (Callable<Calls.Answer> wait : waits.values()) {
        answers.add(threads.submit(wait));
      }
      int next = 0;
      for (String name : waits.keySet()) {
        Calls.Answer answer = answers.get(next++).get();
        scene
            .findings()
            .require(answer.status() == 200, "the wait is answered: " + name, answer.toString());
        scene
            .findings()
            .require(
                answer.nanos() >= WHOLE.minusSeconds(1).toNanos(),
                "the whole time is waited: " + name,
                Duration.ofNanos(answer.nanos()).toString());
      }
    } finally {
      threads.shutdownNow();
      pause(installation, "resume");
    }
  }

  private static Calls.Answer submit(
      Installation installation, Tenant tenant, String path, Map<String, String> headers) {
    return installation
        .calls()
        .send(
            "POST",
            installation.url() + path,
            tenant.apiKey(),
            BODY,
            headers,
            WHOLE.plus(Calls.LIMIT));
  }

  private static Calls.Answer get(Installation installation, String url, Tenant tenant) {
    return installation
        .calls()
        .send("GET", url, tenant.apiKey(), null, Map.of(), WHOLE.plus(Calls.LIMIT));
  }

  /** With no account to send to, everything stays queued. */
  private static void pause(Installation installation, String act) {
    for (String account : List.of("default", "signed")) {
      installation
          .calls()
          .post(
              installation.url() + "/admin/v1/accounts/" + account + "/" + act,
              Installation.ADMIN_KEY,
              "");
    }
  }
}
