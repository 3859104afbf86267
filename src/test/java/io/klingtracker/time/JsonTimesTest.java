package io.klingtracker.time;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.time.Instant;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class JsonTimesTest {

  private record Answer(Instant at, @Nullable Instant until) {}

  @Test
  void a_time_of_an_answer_has_milliseconds_and_a_z_whatever_else_is_registered() throws Exception {
    ObjectMapper mapper = new ObjectMapper().registerModule(new JavaTimeModule());
    new JsonTimes().customize(mapper);

    assertEquals(
        "{\"at\":\"2026-01-31T12:00:00.000Z\",\"until\":null}",
        mapper.writeValueAsString(new Answer(Instant.parse("2026-01-31T12:00:00Z"), null)));
    assertEquals(
        "{\"at\":\"2026-01-31T12:00:00.123Z\",\"until\":\"2026-02-01T00:00:00.500Z\"}",
        mapper.writeValueAsString(
            new Answer(
                Instant.parse("2026-01-31T12:00:00.123456Z"),
                Instant.parse("2026-02-01T00:00:00.5Z"))));
  }
}
