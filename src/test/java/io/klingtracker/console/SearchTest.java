package io.klingtracker.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.klingtracker.task.TaskFilter;
import io.klingtracker.task.TaskStatus;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SearchTest {

  @Test
  void a_word_alone_is_an_id() {
    Search search = Search.of("  order-4711 ");

    assertEquals("order-4711", search.id());
    assertNull(search.fault());
  }

  @Test
  void words_narrow_the_list() {
    Search search =
        Search.of(
            "status:failed kind:text2video model:kling-v3 external:o-1 since:2026-01-01T00:00:00Z"
                + " meta.order:4711 meta.who:a:b");

    assertNull(search.fault());
    assertNull(search.id());
    TaskFilter filter = search.filter();
    assertEquals(TaskStatus.FAILED, filter.status());
    assertEquals("text2video", filter.kind());
    assertEquals("kling-v3", filter.model());
    assertEquals("o-1", filter.externalTaskId());
    assertEquals(Instant.parse("2026-01-01T00:00:00Z"), filter.createdAfter());
    assertTrue(
        filter
            .labels()
            .containsAll(
                List.of(
                    new TaskFilter.Label("order", "4711"), new TaskFilter.Label("who", "a:b"))));
    assertTrue(search.isStatus("failed"));
  }

  @ParameterizedTest
  @CsvSource({
    "stats:failed, status",
    "status:faild, failed",
    "kind:text2vido, text2video",
    "since:yesterday, since",
    "a red kite, prompts are not searched",
  })
  void what_cannot_be_searched_for_says_what_can(String text, String hint) {
    Search search = Search.of(text);

    assertTrue(String.valueOf(search.fault()).contains(hint), search.toString());
    assertEquals(text, search.text());
  }

  @Test
  void an_endless_text_is_a_fault_and_nothing_is_everything() {
    assertNotNull(Search.of("x".repeat(Search.MAX + 1)).fault());
    assertEquals(new TaskFilter(null, null, null, null, null, null), Search.of(null).filter());
  }
}
