package io.klingtracker.bench;

import io.klingtracker.secret.Hashes;
import io.klingtracker.secret.Secrets;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.Deque;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * Callbacks as Kling signs them, made before the clock runs: for each task first {@code
 * processing}, then {@code succeed}, so that each of them is news. Tasks end in another order than
 * they began, hence the shuffling among some thousands.
 */
final class SignedCallbacks implements Loader.Requests {

  /** The second callback of a task comes so many tasks after its first. */
  private static final int APART = 4_000;

  private static final byte[] KEY =
      Base64.getDecoder().decode(Service.WEBHOOK_SECRET.substring("whsec_".length()));

  private final Random random = new Random(1);
  private final Secrets secrets = new Secrets(Service.SECRET, List.of());
  private final List<byte[]> ready = new ArrayList<>();
  private int next;

  /** Two callbacks for each of so many open tasks. */
  SignedCallbacks(long first, int tasks) {
    for (int from = 0; from < tasks; from += APART) {
      int to = Math.min(tasks, from + APART);
      List<Integer> some = new ArrayList<>();
      for (int task = from; task < to; task++) {
        some.add(task);
      }
      // The same order twice, or a task's two callbacks could come close and pass one another.
      Collections.shuffle(some, random);
      for (String status : List.of("processing", "succeed")) {
        some.forEach(task -> ready.add(callback(first + task, status)));
      }
    }
  }

  @Override
  public byte @Nullable [] next() {
    return next < ready.size() ? ready.get(next++) : null;
  }

  /**
   * The same for who may defer them: what was deferred comes again before anything else, and a
   * task's second callback after its first was taken.
   */
  static Loader.Requests repeated(long first, int tasks) {
    SignedCallbacks callbacks = new SignedCallbacks(first, 0);
    Map<byte[], byte[]> seconds = new IdentityHashMap<>();
    Deque<byte[]> waiting = new ArrayDeque<>();
    for (long number = first; number < first + tasks; number++) {
      byte[] begun = callbacks.callback(number, "processing");
      waiting.add(begun);
      seconds.put(begun, callbacks.callback(number, "succeed"));
    }
    return new Loader.Requests() {
      @Override
      public byte @Nullable [] next() {
        return waiting.poll();
      }

      @Override
      public void answered(byte[] request, boolean taken) {
        if (!taken) {
          waiting.addFirst(request);
        } else if (seconds.containsKey(request)) {
          waiting.addLast(seconds.remove(request));
        }
      }
    };
  }

  /**
   * Two callbacks for each of some tasks, one after the other.
   *
   * @param tasks our id and Kling's, with a space between
   */
  static Loader.Requests of(List<String> tasks) {
    SignedCallbacks callbacks = new SignedCallbacks(0, 0);
    for (String status : List.of("processing", "succeed")) {
      for (String task : tasks) {
        String[] ids = task.split(" ");
        callbacks.ready.add(callbacks.callback(ids[0], ids[1], status));
      }
    }
    return callbacks;
  }

  private byte[] callback(long number, String status) {
    return callback(Tasks.id(Tasks.OPEN, number), "k" + number, status);
  }

  private byte[] callback(String taskId, String klingId, String status) {
    boolean ended = status.equals("succeed");
    String videos =
        ended
            ? "{\"id\":\"9%s\",\"url\":\"https://result.example/%s.mp4\",\"duration\":\"5.042\"}"
                .formatted(klingId, klingId)
            : "";
    byte[] body =
        ("""
        {"task_id":"%s","task_status":"%s","task_info":{"external_task_id":"%s"},\
        "task_result":{"images":[],"videos":[%s],"audios":[]},"task_status_msg":"",\
        "created_at":1795373427283,"updated_at":1795373433605%s}"""
                .formatted(
                    klingId,
                    status,
                    taskId,
                    videos,
                    ended ? ",\"final_unit_deduction\":\"3\"" : ""))
            .getBytes(StandardCharsets.UTF_8);
    String id = "msg_" + klingId + status;
    String time = Long.toString(Instant.now().getEpochSecond());
    byte[] head = (id + "." + time + ".").getBytes(StandardCharsets.UTF_8);
    byte[] signed = new byte[head.length + body.length];
    System.arraycopy(head, 0, signed, 0, head.length);
    System.arraycopy(body, 0, signed, head.length, body.length);
    String signature = Base64.getEncoder().encodeToString(Hashes.hmacSha256(KEY, signed));
    return Http.post(
        "/callbacks/kling/" + taskId + "/" + secrets.token("callback-token", taskId),
        Map.of("webhook-id", id, "webhook-timestamp", time, "webhook-signature", "v1," + signature),
        body);
  }
}
