package io.klingtracker.klingapi;

import com.fasterxml.jackson.databind.JsonNode;
import io.klingtracker.database.Columns;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jdbi.v3.core.Jdbi;

/**
 * Remembers synchronous calls that cost something by the ids that Kling's answers have, so that its
 * deductions for them are not taken for another program's. Which of the ids its lists name, no
 * document says.
 */
@Singleton
class ChargedCalls {

  private static final String REMEMBER =
      """
      insert into charged_call (account, id, at)
      select :account, id, cast(:now as timestamptz) from unnest(cast(:ids as text[])) as n(id)
      on conflict do nothing
      """;

  /** Longer texts are no ids. */
  private static final int MAX_ID = 128;

  private final Jdbi jdbi;
  private final Clock clock;

  @Inject
  ChargedCalls(Jdbi jdbi, Clock clock) {
    this.jdbi = jdbi;
    this.clock = clock;
  }

  /** Notes a call that Kling has made. Blocks. */
  void remember(String account, JsonNode answer) {
    Set<String> ids = ids(answer);
    if (!ids.isEmpty()) {
      jdbi.useHandle(
          handle ->
              Columns.of(handle.createUpdate(REMEMBER), ids)
                  .texts("ids", id -> id)
                  .rest()
                  .bind("account", account)
                  .bind("now", clock.instant())
                  .execute());
    }
  }

  private static Set<String> ids(JsonNode answer) {
    JsonNode data = answer.path("data");
    Set<String> ids = new LinkedHashSet<>();
    for (JsonNode id :
        List.of(data.path("task_id"), data.path("session_id"), answer.path("request_id"))) {
      String text = id.isTextual() || id.isNumber() ? id.asText() : "";
      // The database holds no text with a NUL.
      if (!text.isEmpty() && text.length() <= MAX_ID && text.indexOf('\0') < 0) {
        ids.add(text);
      }
    }
    return ids;
  }
}
