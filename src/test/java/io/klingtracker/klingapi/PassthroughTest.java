package io.klingtracker.klingapi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.klingtracker.catalog.SyncPath;
import io.klingtracker.json.Body;
import io.klingtracker.kling.KlingConfig;
import io.klingtracker.kling.PassthroughAnswer;
import io.klingtracker.kling.UnaskedKling;
import io.klingtracker.problem.ErrorCode;
import io.klingtracker.problem.ProblemException;
import io.klingtracker.share.Shares;
import io.klingtracker.tenant.CountedCalls;
import io.klingtracker.testing.Rows;
import io.klingtracker.testing.SameThread;
import io.klingtracker.testing.Settings;
import io.klingtracker.testing.TestDatabase;
import io.klingtracker.upstream.MadeItems;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

class PassthroughTest {

  @RegisterExtension static final TestDatabase DATABASE = TestDatabase.fresh();

  private static final SyncPath PATH =
      new SyncPath("audio/tts", false, SyncPath.Use.MAKES, new BigDecimal("0.05"));
  private static final Body BODY = Body.parse("{}".getBytes(StandardCharsets.UTF_8), 100);

  private final SlowKling kling = new SlowKling();
  private final Passthrough passthrough =
      new Passthrough(
          kling,
          Settings.of(KlingConfig.class, Map.of("kling.accounts.default.access-key", "a")),
          Settings.of(ApiConfig.class, Map.of("tracker.api.max-passed-at-once", "8")),
          new Shares(new SimpleMeterRegistry()),
          () -> {},
          this::counted,
          new MadeItems(
              DATABASE.jdbi(),
              Settings.of(KlingConfig.class, Map.of("kling.accounts.default.access-key", "a")),
              Clock.systemUTC()),
          new ChargedCalls(DATABASE.jdbi(), Clock.systemUTC()),
          new SameThread());
  private final List<String> counted = new ArrayList<>();

  private CountedCalls.Call counted(String path, BigDecimal units) {
    counted.add(path + " " + units);
    return () -> counted.add("refused");
  }

  private static final class SlowKling extends UnaskedKling {
    private final Deque<CompletableFuture<PassthroughAnswer>> waiting = new ArrayDeque<>();

    @Override
    public CompletionStage<PassthroughAnswer> forward(String account, String path, String body) {
      CompletableFuture<PassthroughAnswer> answer = new CompletableFuture<>();
      waiting.add(answer);
      return answer;
    }
  }

  @Test
  void what_kling_refuses_is_given_back_and_what_it_does_not_answer_stays_counted() {
    for (PassthroughAnswer answer :
        List.of(
            new PassthroughAnswer.Answered(200, 0, "{}".getBytes(StandardCharsets.UTF_8)),
            new PassthroughAnswer.NoAnswer("reset"),
            new PassthroughAnswer.Answered(502, -1, new byte[0]),
            new PassthroughAnswer.Answered(400, 1201, new byte[0]))) {
      passthrough.forward("acme", Set.of(), PATH, BODY);
      kling.waiting.remove().complete(answer);
    }

    String call = "audio/tts 0.05";
    assertEquals(List.of(call, call, call, call, "refused"), counted);
  }

  @Test
  void a_call_that_cost_something_is_known_by_its_ids_and_its_sound_is_its_makers() {
    Rows.tenants(DATABASE.jdbi(), "acme");
    String answer =
        """
        {"code":0,"request_id":"r-1","data":{"task_id":"878","task_result":{"audios":[{"id":"879","url":"u"}]}}}\
        """;
    String other =
        "{\"code\":0,\"request_id\":\"r\\u0000\",\"data\":{\"session_id\":880,\"task_id\":\"%s\"}}"
            .formatted("x".repeat(129));
    String free = "{\"code\":0,\"request_id\":\"r-3\",\"data\":{\"task_id\":\"881\"}}";

    for (String given : List.of(answer, answer, other)) {
      passthrough.forward("acme", Set.of(), PATH, BODY);
      kling.waiting.remove().complete(answered(given));
    }
    passthrough.forward(
        "acme",
        Set.of(),
        new SyncPath("videos/free", false, SyncPath.Use.MAKES, BigDecimal.ZERO),
        BODY);
    kling.waiting.remove().complete(answered(free));

    assertEquals(
        List.of("default 878", "default 880", "default r-1"),
        Rows.texts(DATABASE.jdbi(), "select account || ' ' || id from charged_call order by id"));
    assertEquals(
        List.of("audio 879 acme", "session 880 acme"),
        Rows.texts(
            DATABASE.jdbi(),
            "select kind || ' ' || id || ' ' || tenant_id from made_at_kling order by id"));
  }

  private static PassthroughAnswer answered(String body) {
    return new PassthroughAnswer.Answered(200, 0, body.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void a_tenant_whose_calls_all_wait_leaves_room_for_another() {
    for (int i = 0; i < 7; i++) {
      passthrough.forward("greedy", Set.of(), PATH, BODY);
    }
    ProblemException refused =
        assertThrows(
            ProblemException.class, () -> passthrough.forward("greedy", Set.of(), PATH, BODY));
    assertEquals(ErrorCode.RATE_LIMITED, refused.code());

    passthrough.forward("other", Set.of(), PATH, BODY);
    assertEquals(8, kling.waiting.size());

    // Now that another is there, half is all that the first may have.
    for (int i = 0; i < 3; i++) {
      kling.waiting.remove().complete(new PassthroughAnswer.NoAnswer("slow"));
    }
    assertThrows(ProblemException.class, () -> passthrough.forward("greedy", Set.of(), PATH, BODY));
    kling.waiting.remove().complete(new PassthroughAnswer.NoAnswer("slow"));
    passthrough.forward("greedy", Set.of(), PATH, BODY);
    assertEquals(5, kling.waiting.size());
  }
}
