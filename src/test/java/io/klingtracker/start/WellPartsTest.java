package io.klingtracker.start;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.klingtracker.testing.TestClock;
import jakarta.json.Json;
import jakarta.json.JsonObject;
import java.io.StringReader;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

/** What is said of a part beside its state. */
class WellPartsTest {

  private final TestClock clock = new TestClock(Instant.parse("2026-03-01T10:00:00Z"));
  private final WellParts parts = new WellParts(clock);

  @Test
  void since_when_it_is_as_it_is_and_what_that_means() {
    String up = "{'status':'UP','checks':[{'name':'Kafka','status':'UP'}]}";
    String down =
        "{'status':'DOWN','checks':[{'name':'Kafka','status':'DOWN','data':{'reason':'no answer'}}]}";
    said(
        "{'status':'UP','checks':[{'name':'Kafka','status':'UP','data':{'since':'2026-03-01T10:00:00.000Z'}}]}",
        up);
    clock.advance(Duration.ofMinutes(1));
    said(
        "{'status':'UP','checks':[{'name':'Kafka','status':'UP','data':{'since':'2026-03-01T10:00:00.000Z'}}]}",
        up);
    String fallen =
        "{'status':'DOWN','checks':[{'name':'Kafka','status':'DOWN','data':{'reason':'no answer','since':'2026-03-01T10:01:00.000Z','users':'"
            + WellParts.USERS.get("Kafka")
            + "'}}]}";
    said(fallen, down);
    clock.advance(Duration.ofMinutes(1));
    said(fallen, down);
    said(
        "{'status':'UP','checks':[{'name':'Kafka','status':'UP','data':{'since':'2026-03-01T10:02:00.000Z'}}]}",
        up);
  }

  @Test
  void what_it_does_not_know_it_leaves() {
    for (String other :
        new String[] {
          "{'status':'UP'}",
          "{'status':'UP','checks':[]}",
          "{'status':'UP','checks':[{'name':'start','status':'UP','data':{'a':1}},{'status':'UP'}]}"
        }) {
      said(other, other);
    }
  }

  private void said(String expected, String payload) {
    assertEquals(json(expected), parts.filter(json(payload)));
  }

  private static JsonObject json(String text) {
    return Json.createReader(new StringReader(text.replace('\'', '"'))).readObject();
  }
}
