package io.klingtracker.events;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import io.klingtracker.events.OutboxMessage.Kind;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class InFlightWindowTest {

  private final InFlightWindow window = new InFlightWindow();

  @Test
  void an_answer_to_what_was_let_go_of_moves_nothing_on() {
    OutboxMessage before = record(1);
    window.add(List.of(before));
    assertSame(before, window.send(0));
    window.drop(before.queue());
    OutboxMessage again = record(1);
    OutboxMessage next = record(2);
    window.add(List.of(again, next));
    assertSame(again, window.send(0));

    window.acknowledged(before);
    window.failed(before, 0);

    assertNull(window.send(0), "one of a key at a time");
    window.acknowledged(again);
    assertSame(next, window.send(0));
    window.acknowledged(next);
    window.settled(List.of(again, next));
    assertEquals(List.of(), window.known());
  }

  private static OutboxMessage record(long id) {
    return new OutboxMessage(
        Kind.RECORD,
        false,
        7,
        id,
        "acme/a",
        0,
        null,
        null,
        null,
        null,
        Map.of(),
        "hosts",
        "{}",
        10,
        null);
  }
}
