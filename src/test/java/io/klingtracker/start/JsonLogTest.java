package io.klingtracker.start;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Instant;
import java.util.Map;
import org.jboss.logmanager.ExtLogRecord;
import org.jboss.logmanager.Level;
import org.jboss.logmanager.handlers.ConsoleHandler;
import org.jboss.logmanager.handlers.QueueHandler;
import org.junit.jupiter.api.Test;

/** The log as programs read it. */
class JsonLogTest {

  private static final ObjectMapper JSON = new ObjectMapper();

  @Test
  void a_record_is_one_line_with_the_ids_that_it_names() throws Exception {
    ExtLogRecord entry = entry("taskId=task_1 account=default errorCode=1102 parked, other=x");
    entry.putMdc("traceId", "0af7651916cd43dd8448eb211c80319c");

    JsonNode line = line(entry);

    assertEquals("2026-03-01T10:00:00.123Z", line.get("timestamp").asText());
    assertEquals("WARN", line.get("level").asText());
    assertEquals("io.klingtracker.Some", line.get("logger").asText());
    assertEquals("loop", line.get("thread").asText());
    assertEquals(
        Map.of(
            "taskId",
            "task_1",
            "account",
            "default",
            "errorCode",
            "1102",
            "traceId",
            "0af7651916cd43dd8448eb211c80319c"),
        JSON.convertValue(line.get("ids"), Map.class));
    assertFalse(line.has("error"));
  }

  @Test
  void line_breaks_and_traces_stay_in_their_line() throws Exception {
    ExtLogRecord entry = entry("one\ntwo \"three\" \u0007");
    entry.setThrown(new IllegalStateException("no"));

    JsonNode line = line(entry);

    assertEquals("one\ntwo \"three\" \u0007", line.get("message").asText());
    assertTrue(line.get("error").asText().startsWith("java.lang.IllegalStateException: no\n\tat "));
    assertFalse(line.has("ids"));
  }

  @Test
  void every_console_writes_it() {
    ConsoleHandler console = new ConsoleHandler();
    QueueHandler around = new QueueHandler();
    around.addHandler(console);

    JsonLog.use(around);

    assertInstanceOf(JsonLog.Format.class, console.getFormatter());
  }

  private static ExtLogRecord entry(String message) {
    ExtLogRecord entry = new ExtLogRecord(Level.WARN, message, JsonLogTest.class.getName());
    entry.setLoggerName("io.klingtracker.Some");
    entry.setThreadName("loop");
    entry.setInstant(Instant.parse("2026-03-01T10:00:00.123456Z"));
    return entry;
  }

  private static JsonNode line(ExtLogRecord entry) throws Exception {
    String line = new JsonLog.Format().format(entry);
    assertEquals(1, line.lines().count(), line);
    assertTrue(line.endsWith("\n"));
    return JSON.readTree(line);
  }
}
